import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { BackupFault } from "./faults.ts";
import { deriveKeys } from "./keys.ts";
import { readSigned, sign } from "./signed.ts";

const keys = deriveKeys("k".repeat(32));
const KIND = { format: "slipway-thing/1", schema: z.strictObject({ jobs: z.number(), note: z.string() }) };
const body = { jobs: 7, note: "a note" };

function kindOf(read: () => unknown): string {
  try {
    read();
  } catch (error) {
    if (error instanceof BackupFault) return error.kind;
    throw error;
  }
  return "none";
}

const read = (content: Buffer, name = "a/b", by = keys) => readSigned(KIND, by, name, content);

describe("a signed document", () => {
  const signed = sign(KIND, keys, "a/b", body);

  it("is readable, and comes back as it was", () => {
    expect(signed.toString()).toContain('"note":"a note"');
    expect(read(signed)).toEqual(body);
  });

  it("is never taken for good where a bit is another, it was cut, or something was added", () => {
    for (let place = 0; place < signed.length; place++)
      for (let bit = 0; bit < 8; bit++) {
        const broken = Buffer.from(signed);
        broken.writeUInt8(broken.readUInt8(place) ^ (1 << bit), place);
        expect(
          kindOf(() => read(broken)),
          `${place}.${bit}`,
        ).toMatch(/damaged|truncated|foreign/);
      }
    for (let length = 0; length < signed.length; length++)
      expect(
        kindOf(() => read(signed.subarray(0, length))),
        String(length),
      ).toMatch(/truncated|foreign/);
    for (const more of [" ", "\n", "{}"])
      expect(kindOf(() => read(Buffer.concat([signed, Buffer.from(more)])))).not.toBe("none");
  });

  it("tells damage, another key, another place and forgery apart", () => {
    const changed = Buffer.from(signed.toString().replace('"jobs":7', '"jobs":8'));
    expect(kindOf(() => read(changed))).toBe("damaged");
    expect(kindOf(() => read(signed, "a/b", deriveKeys("l".repeat(32))))).toBe("wrong-key");
    expect(kindOf(() => read(signed, "a/c"))).toBe("foreign");
    const other = sign({ ...KIND, format: "slipway-other/1" }, keys, "a/b", body);
    expect(kindOf(() => read(other))).toBe("foreign");
    // Somebody who knows the format and our key's id, and not the key.
    const forged = sign(KIND, { ...deriveKeys("l".repeat(32)), id: keys.id }, "a/b", body);
    expect(kindOf(() => read(forged))).toBe("foreign");
    expect(kindOf(() => read(Buffer.from("other text")))).toBe("foreign");
  });

  it("refuses what another release wrote, naming the place", () => {
    const newer = sign({ format: KIND.format, schema: z.unknown() }, keys, "a/b", { ...body, jobs: "7" });
    expect(() => read(newer)).toThrow(/another release wrote it.*jobs \(foreign\)/);
  });

  it("comes back whatever is in it", () => {
    const any = { format: "slipway-any/1", schema: z.unknown() };
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const plain: unknown = JSON.parse(JSON.stringify(value));
        expect(readSigned(any, keys, "x", sign(any, keys, "x", plain))).toEqual(plain);
      }),
    );
  });
});
