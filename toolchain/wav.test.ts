import { expect, test } from "vitest";
import { writeWav } from "../jobs/wav.ts";
import { readWavFacts } from "./wav.ts";

interface Parts {
  readonly kind?: number;
  readonly channels?: number;
  readonly rate?: number;
  readonly bits?: number;
  /** Chunks before the format. */
  readonly before?: Buffer;
  readonly samples?: readonly number[];
}

/** A file by hand: the reader is tested against the format, not against our writer. */
function wav({
  kind = 1,
  channels = 1,
  rate = 8000,
  bits = 16,
  before,
  samples = [0, 16384, -32768, 1],
}: Parts = {}): Buffer {
  const format = Buffer.alloc(16);
  format.writeUInt16LE(kind, 0);
  format.writeUInt16LE(channels, 2);
  format.writeUInt32LE(rate, 4);
  format.writeUInt16LE(bits, 14);
  const data = Buffer.from(new Int16Array(samples).buffer);
  return Buffer.concat([
    Buffer.from("RIFF\0\0\0\0WAVE"),
    before ?? Buffer.alloc(0),
    chunk("fmt ", format),
    chunk("data", data),
  ]);
}

function chunk(id: string, body: Buffer): Buffer {
  const head = Buffer.alloc(8);
  head.write(id, "latin1");
  head.writeUInt32LE(body.length, 4);
  return Buffer.concat([head, body, Buffer.alloc(body.length % 2)]);
}

test("measures duration and peak", () => {
  expect(readWavFacts(wav())).toEqual({ durationSeconds: 4 / 8000, peakDbfs: 0, sampleRate: 8000, channels: 1 });
  const half = readWavFacts(wav({ channels: 2, rate: 2, samples: [16384, 0, 0, 0, 0, 0, 0, 0] }));
  expect(half.durationSeconds).toBe(2);
  expect(half.peakDbfs).toBeCloseTo(-6.02, 2);
});

test("silence has no peak", () => {
  expect(readWavFacts(wav({ samples: [0, 0] })).peakDbfs).toBe(-Infinity);
});

test("passes over chunks that it does not know, odd ones with their padding", () => {
  expect(readWavFacts(wav({ before: chunk("LIST", Buffer.from("odd")) })).sampleRate).toBe(8000);
});

test("reads what the worker writes", () => {
  const samples = Int16Array.from({ length: 22050 }, (_, at) => Math.round(8000 * Math.sin(at / 10)));
  const facts = readWavFacts(writeWav({ sampleRate: 22050, channels: 1, samples: Buffer.from(samples.buffer) }));
  expect(facts.durationSeconds).toBe(1);
  expect(facts.peakDbfs).toBeCloseTo(20 * Math.log10(8000 / 32768), 2);
});

test.each([
  ["text", Buffer.from("Not found: job 12"), /begins with "Not found: j/],
  ["nothing", Buffer.alloc(0), /no WAV file/],
  ["a cut file", wav().subarray(0, -2), /cut short: chunk data at byte 36 has 6 of 8 bytes/],
  ["no samples", wav().subarray(0, 36), /chunk fmt or data is missing/],
  ["floating point", wav({ kind: 3, bits: 32 }), /kind 3 with 32 bits/],
  ["8 bits", wav({ bits: 8 }), /8 bits/],
])("refuses %s", (_, file, message) => {
  expect(() => readWavFacts(file)).toThrow(message);
});
