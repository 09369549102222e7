import { describe, expect, it } from "vitest";
import {
  credentialSlots,
  credentialsSchema,
  isAccepted,
  isKept,
  OTHER_SLOT,
  slotKey,
  slotName,
} from "./credential-slots.ts";
import { parseStackConfig } from "./stack.ts";

const parsed = (credentials: unknown, secrets: Readonly<Record<string, string>> = {}) =>
  parseStackConfig("dev", {
    values: { platform: "docker", environment: "dev", credentials: JSON.stringify(credentials), ...secrets },
    isSecret: (key) => Object.hasOwn(secrets, key),
  });

describe("slots of credentials", () => {
  it("are the first alone where the file says nothing", () => {
    const alone = { slot: "first", other: "none" };
    expect(credentialSlots(undefined)).toEqual({ database: alone, redis: alone, jwt: alone, aes: alone });
    expect(credentialsSchema.parse({ redis: { slot: "second" } }).redis).toEqual({ slot: "second", other: "none" });
  });

  it("are kept and accepted by how the other one stands", () => {
    const table = OTHER_SLOT.map((other) => [
      other,
      isKept({ slot: "first", other }, "second"),
      isAccepted({ slot: "first", other }, "second"),
    ]);
    expect(table).toEqual([
      ["none", false, false],
      ["next", true, true],
      ["last", true, true],
      ["off", true, false],
    ]);
    for (const other of OTHER_SLOT) expect(isAccepted({ slot: "second", other }, "second")).toBe(true);
  });

  it("have names of their own, the first one those of before", () => {
    expect([slotName("redis-password", "first"), slotName("redis-password", "second")]).toEqual([
      "redis-password",
      "redis-password-second",
    ]);
    expect([slotKey("jwtKeys", "first"), slotKey("jwtKeys", "second")]).toEqual(["jwtKeys", "jwtKeysSecond"]);
  });

  it.each([
    [{ database: { slot: "third" } }, /slipway:credentials\.database\.slot is "third"/],
    [{ database: { other: "ready" } }, /slipway:credentials\.database\.other is "ready"/],
    [{ tokens: {} }, /slipway:credentials\.tokens is not a key/],
    [{ aes: { slot: "first", other: "next" } }, /slipway:aesSecret is missing, which credentials\.aes names/],
  ])("refuse %j, and say where", (credentials, message) => {
    expect(() => parsed(credentials)).toThrow(message);
  });

  it("of ENC(...) values are the user's own, both of them where both are kept", () => {
    const aes = { aes: { slot: "second", other: "off" } };
    const long = "a".repeat(32);
    expect(() => parsed(aes, { aesSecret: long })).toThrow("slipway:aesSecretSecond is missing");
    expect(parsed(aes, { aesSecret: long, aesSecretSecond: long }).credentials).toMatchObject(aes);
    expect(() => parsed({}, { aesSecret: "short" })).toThrow("(5 characters) must be at least 32 characters");
  });
});
