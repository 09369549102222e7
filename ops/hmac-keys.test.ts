import { describe, expect, it } from "vitest";
import { parseHmacKeys, type HmacKey } from "../configs/credential-keys.ts";
import { beside, forgotten, otherId, turnedOff, turnedOn } from "./hmac-keys.ts";

const secret = Buffer.alloc(32, 1).toString("base64url");
const ACME: HmacKey = { id: "acme", tenant: "acme", secret };
const OTHER: HmacKey = { id: "other", tenant: "other", secret };
const ids = (keys: readonly HmacKey[]) => keys.map(({ id, enabled }) => `${id}${enabled === false ? " off" : ""}`);

describe("keys of signed requests", () => {
  it("have two names that take turns", () => {
    expect([otherId("acme"), otherId("acme-second")]).toEqual(["acme-second", "acme"]);
  });

  it("go from one to the other and back, and others' are left alone", () => {
    const made = beside([ACME, OTHER], "acme");
    expect(ids(made.keys)).toEqual(["acme", "other", "acme-second"]);
    expect(made.looked).toMatchObject({ key: { tenant: "acme" }, wanted: "accepted" });
    expect(parseHmacKeys(JSON.stringify({ keys: made.keys }))).toEqual(made.keys);
    const off = turnedOff(made.keys, "acme");
    expect(ids(off.keys)).toEqual(["acme off", "other", "acme-second"]);
    expect(off.looked).toMatchObject({ key: { id: "acme", secret }, wanted: "refused" });
    expect(ids(turnedOn(off.keys, "acme").keys)).toEqual(["acme", "other", "acme-second"]);
    expect(ids(forgotten(off.keys, "acme").keys)).toEqual(["other", "acme-second"]);
  });

  it("take what was kept off for a fresh one", () => {
    const kept = turnedOff(beside([ACME], "acme").keys, "acme").keys;
    const [second, first] = beside(kept, "acme-second").keys;
    expect([second?.id, first?.id, first?.enabled]).toEqual(["acme-second", "acme", undefined]);
    expect(first?.secret).not.toBe(secret);
  });

  it("are never both refused, nor deleted while they are accepted, nor guessed", () => {
    expect(() => turnedOff([ACME], "acme")).toThrow("acme would be shut out. Rotate first");
    const off = turnedOff(beside([ACME], "acme").keys, "acme").keys;
    expect(() => turnedOff(off, "acme-second")).toThrow("shut out");
    expect(() => beside(off, "acme")).toThrow("The key acme is off. Rotate the one that serves: --key acme-second");
    expect(() => forgotten([ACME], "acme")).toThrow("Turn it off first");
    expect(() => beside([ACME, OTHER], "none")).toThrow('no key "none"; they are: acme, other');
  });
});
