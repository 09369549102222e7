import fc from "fast-check";
import { expect, test } from "vitest";
import { readAccess } from "./canary.ts";
import { LogLines } from "./log-lines.ts";

const line = (more: object = {}) =>
  JSON.stringify({
    ...{ time: "2026-11-29T17:12:11+00:00", service: "edge", status: 200, release: "api-aa" },
    ...{ upstream: "10.0.0.2:8000", upstreamSeconds: "0.004", headerSeconds: "0.003", ...more },
  });

test.each([
  [line(), { release: "api-aa", status: 200, milliseconds: 3 }],
  // The first container refused the connection.
  [line({ headerSeconds: "-, 0.002" }), { release: "api-aa", status: 200, milliseconds: 2 }],
  [line({ headerSeconds: "0.001, 0.002" }), { release: "api-aa", status: 200, milliseconds: 3 }],
  [line({ status: 503, headerSeconds: "-" }), { release: "api-aa", status: 503, milliseconds: undefined }],
  [line({ status: 503, upstream: "", headerSeconds: "" }), { release: "api-aa", status: 503, milliseconds: undefined }],
  // Answered by the edge itself.
  [line({ status: 404, upstream: "", headerSeconds: "" }), undefined],
  ["2026/11/29 17:11:46 [emerg] 1#1: something", undefined],
  ['{"service":"api","status":200}', undefined],
])("%s", (text, expected) => {
  expect(readAccess(text)).toEqual(expected);
});

test("lines come out of the engine's frames wherever it cuts them, and what has no end yet is none", () => {
  fc.assert(
    fc.property(
      fc.array(fc.string({ unit: "binary" }).map((text) => text.replaceAll("\n", " "))),
      fc.array(fc.integer({ min: 1, max: 30 })),
      (texts, sizes) => {
        const bytes = Buffer.from([...texts, "cut"].join("\n"));
        const raw = Buffer.concat(pieces(bytes, sizes).map(framed));
        const seen: string[] = [];
        const lines = new LogLines((one) => seen.push(one));
        for (const chunk of pieces(raw, sizes.toReversed())) lines.push(chunk);
        expect(seen).toEqual(texts);
      },
    ),
  );
});

function pieces(bytes: Buffer, sizes: readonly number[]): Buffer[] {
  const ends = sizes.reduce<number[]>((all, size) => [...all, (all.at(-1) ?? 0) + size], [0]);
  return [...ends.map((end, index) => bytes.subarray(end, ends[index + 1] ?? bytes.length))];
}

function framed(bytes: Buffer): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt8(1, 0);
  head.writeUInt32BE(bytes.length, 4);
  return Buffer.concat([head, bytes]);
}
