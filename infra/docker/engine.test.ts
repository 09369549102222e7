import fc from "fast-check";
import { afterEach, describe, expect, it, vi } from "vitest";
import { connectEngine, demultiplex } from "./engine.ts";

afterEach(() => {
  vi.unstubAllEnvs();
});

/** One frame as the engine sends it: stream, three zeros, length, bytes. */
function frame(stream: 1 | 2, bytes: Uint8Array): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt8(stream, 0);
  head.writeUInt32BE(bytes.length, 4);
  return Buffer.concat([head, bytes]);
}

describe("demultiplex", () => {
  it("joins standard output and standard error in the order in which they came", () => {
    const raw = Buffer.concat([
      frame(1, Buffer.from("out\n")),
      frame(2, Buffer.from("err\n")),
      frame(1, Buffer.from("end")),
    ]);
    expect(demultiplex(raw)).toBe("out\nerr\nend");
  });

  it("gives back any text, wherever the engine cuts it, within a letter too", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), fc.array(fc.nat({ max: 20 })), (text, sizes) => {
        const bytes = Buffer.from(text);
        const frames: Buffer[] = [];
        let at = 0;
        for (const size of [...sizes, bytes.length]) {
          frames.push(frame(size % 2 === 0 ? 1 : 2, bytes.subarray(at, at + size)));
          at += size;
        }
        expect(demultiplex(Buffer.concat(frames))).toBe(bytes.toString("utf8"));
      }),
    );
  });

  it("ends quietly where the engine broke off in a frame", () => {
    const whole = Buffer.concat([frame(1, Buffer.from("whole ")), frame(1, Buffer.from("broken"))]);
    expect(demultiplex(whole.subarray(0, whole.length - 3))).toBe("whole bro");
    expect(demultiplex(Buffer.from([1, 0, 0]))).toBe("");
  });
});

it("refuses an engine's address that it cannot speak to, and names those it can", async () => {
  vi.stubEnv("DOCKER_HOST", "npipe:////./pipe/docker_engine");
  await expect(connectEngine()).rejects.toThrow(
    "DOCKER_HOST is npipe:////./pipe/docker_engine; allowed are unix://, tcp:// and ssh:// addresses.",
  );
});
