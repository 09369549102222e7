import { describe, expect, it } from "vitest";
import type { Sound } from "../../jobs/wav.ts";
import { encodeOgg } from "./ogg.ts";

function tone(seconds: number, sampleRate: number, channels: number): Sound {
  const frames = Math.round(seconds * sampleRate);
  const samples = Buffer.alloc(frames * channels * 2);
  for (let at = 0; at < frames * channels; at += 1) {
    samples.writeInt16LE(
      Math.round(Math.sin((Math.floor(at / channels) * 440 * 2 * Math.PI) / sampleRate) * 20_000),
      at * 2,
    );
  }
  return { sampleRate, channels, samples };
}

/** Pages of an Ogg file (RFC 3533): position in samples and flags of each; throws where one does not begin as it must. */
function pages(file: Buffer): { position: number; flags: number; body: Buffer }[] {
  const found: { position: number; flags: number; body: Buffer }[] = [];
  for (let at = 0; at < file.length;) {
    if (file.toString("latin1", at, at + 4) !== "OggS") throw new Error(`no page at ${at}`);
    const segments = file.readUInt8(at + 26);
    const begin = at + 27 + segments;
    const length = file.subarray(at + 27, begin).reduce((sum, size) => sum + size, 0);
    found.push({
      position: Number(file.readBigInt64LE(at + 6)),
      flags: file.readUInt8(at + 5),
      body: file.subarray(begin, begin + length),
    });
    at = begin + length;
  }
  return found;
}

describe("encodeOgg", () => {
  it.each([
    [22_050, 1],
    [24_000, 1],
    [24_000, 2],
  ])(
    "writes whole Ogg pages of Vorbis at %i Hz with %i channels, as long as the sound",
    async (sampleRate, channels) => {
      const file = Buffer.from(await encodeOgg(tone(3.5, sampleRate, channels)));
      const all = pages(file);
      const head = all[0]?.body ?? Buffer.alloc(0);
      expect(head.toString("latin1", 1, 7)).toBe("vorbis");
      expect([head.readUInt8(11), head.readUInt32LE(12)]).toEqual([channels, sampleRate]);
      expect(all.at(-1)).toMatchObject({ position: 3.5 * sampleRate });
      // First page begins the stream, last one ends it.
      expect([(all[0]?.flags ?? 0) & 2, (all.at(-1)?.flags ?? 0) & 4]).toEqual([2, 4]);
      expect(file.length).toBeLessThan((3.5 * sampleRate * channels * 2) / 3);
    },
  );

  it("encodes silence and the shortest sound", async () => {
    expect(pages(Buffer.from(await encodeOgg(tone(0.001, 24_000, 1)))).at(-1)?.position).toBe(24);
    await expect(encodeOgg({ sampleRate: 8000, channels: 3, samples: Buffer.alloc(6) })).rejects.toThrow(
      "got 3 channels",
    );
  });
});
