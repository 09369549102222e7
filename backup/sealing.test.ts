import { randomBytes } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BackupFault } from "./faults.ts";
import { deriveKeys } from "./keys.ts";
import { seal, sealedBytes, unseal } from "./sealing.ts";

const keys = deriveKeys("k".repeat(32));
const NAME = "sets/20261129-023000f/redis.rdb.enc";
const CHUNK = 64 * 1024;
const SEALED_CHUNK = CHUNK + 16;
const HEADER = 72;

async function collect(parts: AsyncIterable<Buffer>): Promise<Buffer> {
  const all: Buffer[] = [];
  for await (const part of parts) all.push(part);
  return Buffer.concat(all);
}

/** In pieces of another length than anything in the format. */
function* cut(bytes: Buffer, length: number): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += length) yield bytes.subarray(at, at + length);
}

const close = (bytes: Buffer, length = 10_007) => collect(seal(keys, NAME, cut(bytes, length)));
const open = (bytes: Buffer, length = 10_007, name = NAME, by = keys) => collect(unseal(by, name, cut(bytes, length)));

async function faultKind(opening: Promise<Buffer>): Promise<string> {
  try {
    await opening;
  } catch (error) {
    if (error instanceof BackupFault) return error.kind;
    throw error;
  }
  return "none";
}

/** Lengths around the borders of chunks. */
const length = fc.oneof(
  fc.nat(3 * CHUNK),
  fc.tuple(fc.nat(3), fc.integer({ min: -1, max: 1 })).map(([n, more]) => Math.max(0, n * CHUNK + more)),
);

describe("a sealed stream", () => {
  it("comes back as it was, whatever its length and the pieces it comes in, and has the length that is told", async () => {
    await fc.assert(
      fc.asyncProperty(length, fc.integer({ min: 100, max: 200_000 }), async (bytes, piece) => {
        const plain = randomBytes(bytes);
        const sealed = await close(plain, piece);
        expect(sealed.length).toBe(sealedBytes(bytes));
        expect((await open(sealed, piece)).equals(plain)).toBe(true);
      }),
      { numRuns: 60 },
    );
  });

  it("is never taken for whole where a bit is another", async () => {
    await fc.assert(
      fc.asyncProperty(length, fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), async (bytes, at) => {
        const sealed = await close(randomBytes(bytes));
        const place = Math.floor(at * sealed.length);
        sealed.writeUInt8(sealed.readUInt8(place) ^ (1 << (place % 8)), place);
        expect(await faultKind(open(sealed))).toMatch(place < 8 ? /foreign/ : /damaged/);
      }),
      { numRuns: 100 },
    );
  });

  it("shows damage at every byte of its header", async () => {
    const sealed = await close(Buffer.from("text"));
    for (let place = 0; place < HEADER; place++) {
      const broken = Buffer.from(sealed);
      broken.writeUInt8(broken.readUInt8(place) ^ 0x80, place);
      expect(await faultKind(open(broken)), String(place)).toBe(place < 8 ? "foreign" : "damaged");
    }
  });

  it("is never taken for whole where its end is gone, or more follows", async () => {
    await fc.assert(
      fc.asyncProperty(length, fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), async (bytes, at) => {
        const sealed = await close(randomBytes(bytes));
        expect(await faultKind(open(sealed.subarray(0, Math.floor(at * sealed.length))))).toMatch(/truncated|damaged/);
        expect(await faultKind(open(Buffer.concat([sealed, randomBytes(1 + Math.floor(at * 100_000))])))).toBe(
          "damaged",
        );
      }),
      { numRuns: 60 },
    );
  });

  it("says that it was cut where that fell between two chunks", async () => {
    const sealed = await close(randomBytes(3 * CHUNK));
    for (const chunks of [0, 1, 2])
      expect(await faultKind(open(sealed.subarray(0, HEADER + chunks * SEALED_CHUNK)))).toBe("truncated");
    expect(await faultKind(open(Buffer.alloc(0)))).toBe("truncated");
  });

  it("shows chunks that changed places, and those of another file", async () => {
    const [one, other] = [await close(randomBytes(3 * CHUNK)), await close(randomBytes(3 * CHUNK))];
    const chunk = (of: Buffer, n: number) => of.subarray(HEADER + n * SEALED_CHUNK, HEADER + (n + 1) * SEALED_CHUNK);
    const header = one.subarray(0, HEADER);
    const swapped = Buffer.concat([header, chunk(one, 1), chunk(one, 0), chunk(one, 2)]);
    expect(await faultKind(open(swapped))).toBe("damaged");
    const mixed = Buffer.concat([header, chunk(one, 0), chunk(other, 1), chunk(one, 2)]);
    expect(await faultKind(open(mixed))).toBe("damaged");
    const left = Buffer.concat([header, chunk(one, 0), chunk(one, 2)]);
    expect(await faultKind(open(left))).toBe("damaged");
  });

  it("tells another key, another place and another's file apart", async () => {
    const sealed = await close(Buffer.from("text"));
    expect(await faultKind(open(sealed, 100, NAME, deriveKeys("l".repeat(32))))).toBe("wrong-key");
    expect(await faultKind(open(sealed, 100, "sets/20261130-023000f/redis.rdb.enc"))).toBe("foreign");
    expect(await faultKind(open(randomBytes(500)))).toBe("foreign");
  });

  it("shows nothing of its text, and is another each time", async () => {
    const [one, other] = [await close(Buffer.alloc(CHUNK, "canary")), await close(Buffer.alloc(CHUNK, "canary"))];
    expect(one.includes("canary")).toBe(false);
    expect(one.subarray(HEADER).equals(other.subarray(HEADER))).toBe(false);
  });
});

it("makes keys that print as nothing and follow from the secret alone", () => {
  expect(deriveKeys("k".repeat(32)).id).toBe(keys.id);
  expect(deriveKeys("k".repeat(33)).id).not.toBe(keys.id);
  expect(JSON.stringify(keys)).not.toContain("kkk");
  expect(() => deriveKeys("canary")).toThrow(/^(?!.*canary).*at least 32/);
});
