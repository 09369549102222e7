import { generateKeyPairSync } from "node:crypto";
import { describe, expect, it } from "vitest";
import { parseHmacKeys, parseJwtKeys } from "./credential-keys.ts";

const secret = Buffer.alloc(32, 7).toString("base64url");
const publicKey = generateKeyPairSync("ed25519").publicKey.export({ type: "spki", format: "pem" }).toString();
const hs = { kid: "a", alg: "HS256", secret };

it("takes any number of keys of both kinds", () => {
  const keys = [hs, { kid: "b", alg: "EdDSA", publicKey }];
  expect(parseJwtKeys(JSON.stringify({ keys }))).toEqual(keys);
  expect(parseJwtKeys('{"keys":[]}')).toEqual([]);
  const signers = [
    { id: "a", tenant: "acme", secret },
    { id: "b", tenant: "acme", secret, enabled: false },
  ];
  expect(parseHmacKeys(JSON.stringify({ keys: signers }))).toEqual(signers);
});

describe("refuses, and says where but not what", () => {
  const short = Buffer.alloc(31, 7).toString("base64url");
  const jwt: [string, unknown, RegExp][] = [
    ["no object", [], /the whole: must be object/],
    ["no list", { keys: {} }, /keys: must be array/],
    ["another field", { keys: [], canary: 1 }, /the whole: has 1 unknown field/],
    ["a short secret", { keys: [{ ...hs, secret: short }] }, /keys\.0\.secret: must hold 32 bytes or more/],
    ["base64 with padding", { keys: [{ ...hs, secret: `${secret}=` }] }, /keys\.0\.secret: must be base64url/],
    ["a kid of spaces", { keys: [{ ...hs, kid: " " }] }, /keys\.0\.kid: must be 1 to 64/],
    ["two of one kid", { keys: [hs, hs] }, /keys: every kid must be another/],
    ["another algorithm", { keys: [{ ...hs, alg: "RS256" }] }, /keys\.0\.alg: alg must be HS256 or EdDSA/],
    ["both kinds of material", { keys: [{ ...hs, publicKey }] }, /keys\.0: has 1 unknown field/],
    ["a private key", { keys: [{ kid: "a", alg: "EdDSA", publicKey: publicKey.replace("PUBLIC", "PRIVATE") }] }, /PEM/],
    ["an RSA key", { keys: [{ kid: "a", alg: "EdDSA", publicKey: rsa() }] }, /keys\.0\.publicKey: must be an Ed25519/],
  ];
  it.each(jwt)("%s", (_name, content, message) => {
    expect(() => parseJwtKeys(JSON.stringify(content))).toThrow(message);
  });

  it.each(["Acme", "system", ""])("the tenant %j", (tenant) => {
    const ring = JSON.stringify({ keys: [{ id: "a", tenant, secret }] });
    expect(() => parseHmacKeys(ring)).toThrow(/keys\.0\.tenant: must be 1 to 63/);
  });

  it("two keys of one id", () => {
    const good = { id: "a", tenant: "acme", secret };
    expect(() => parseHmacKeys(JSON.stringify({ keys: [good, good] }))).toThrow(/every id must be another/);
  });

  it("what is no JSON, without a piece of it", () => {
    expect(() => parseJwtKeys(secret)).toThrow(/is no JSON/);
    expect(() => parseJwtKeys(secret)).not.toThrow(secret.slice(0, 5));
  });
});

function rsa(): string {
  const pair = generateKeyPairSync("rsa", { modulusLength: 2048 });
  return pair.publicKey.export({ type: "spki", format: "pem" }).toString();
}
