import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { durationSeconds, peakDbfs, readWav, WavError, writeWav, type Sound } from "./wav.ts";

function sound(samples: number[], sampleRate = 22_050, channels = 1): Sound {
  const buffer = Buffer.alloc(samples.length * 2);
  samples.forEach((sample, index) => buffer.writeInt16LE(sample, index * 2));
  return { sampleRate, channels, samples: buffer };
}

const anySound = fc
  .tuple(fc.array(fc.integer({ min: -32_768, max: 32_767 })), fc.integer({ min: 8000, max: 192_000 }))
  .map(([samples, rate]) => sound(samples, rate));

describe("WAV", () => {
  it("is read as it was written", () => {
    fc.assert(
      fc.property(anySound, (one) => {
        expect(readWav(writeWav(one))).toEqual(one);
      }),
    );
  });

  it("is read to its end when the program before a pipe could not know its length", () => {
    const file = writeWav(sound([1, 2, 3]));
    file.writeUInt32LE(0x7ffff000, 40);
    expect(readWav(file).samples).toHaveLength(6);
    expect(readWav(file.subarray(0, file.length - 1)).samples).toHaveLength(4);
  });

  it("may hold other chunks before its data", () => {
    const file = writeWav(sound([5]));
    const list = Buffer.from("LIST\x03\0\0\0abc\0", "latin1");
    expect(readWav(Buffer.concat([file.subarray(0, 36), list, file.subarray(36)])).samples.readInt16LE(0)).toBe(5);
  });

  it("never fails but with a reason, whatever the bytes", () => {
    const file = writeWav(sound([1, 2]));
    fc.assert(
      fc.property(fc.nat(file.length), fc.uint8Array({ maxLength: 8 }), (at, bytes) => {
        const damaged = Buffer.concat([file.subarray(0, at), bytes]);
        try {
          readWav(damaged);
        } catch (error) {
          expect(error).toBeInstanceOf(WavError);
        }
      }),
    );
  });

  it("knows its duration and its peak", () => {
    const one = sound(new Array<number>(11_025).fill(0).concat([16_384, -32_768]));
    expect(durationSeconds(one)).toBeCloseTo(0.5, 3);
    expect(peakDbfs(one)).toBe(0);
    expect(peakDbfs(sound([16_384, -100]))).toBeCloseTo(-6.02, 2);
    expect(peakDbfs(sound([0, 0]))).toBe(-97);
    expect(durationSeconds(sound([0, 0, 0, 0], 8000, 2))).toBe(2 / 8000);
  });
});
