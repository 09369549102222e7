import { decodeJwt, decodeProtectedHeader, jwtVerify } from "jose";
import { describe, expect, test } from "vitest";
import { makeToken } from "./token.ts";

const secret = (word: string) => Buffer.from(word.padEnd(33, "-")).toString("base64url");
const RING = JSON.stringify({
  keys: [
    { kid: "old", alg: "HS256", secret: secret("old") },
    { kid: "new", alg: "HS256", secret: secret("new") },
  ],
});

describe("a token", () => {
  test("is signed with the newest key, for an hour and the tenant dev", async () => {
    const token = await makeToken(RING);
    expect(decodeProtectedHeader(token)).toMatchObject({ kid: "new", alg: "HS256" });
    const { payload } = await jwtVerify(token, Buffer.from(secret("new"), "base64url"));
    expect(payload).toMatchObject({ tenant: "dev", iss: "slipway", aud: "slipway-api" });
    expect((payload.exp ?? 0) - (payload.iat ?? 0)).toBe(3600);
    expect(payload).not.toHaveProperty("scope");
  });

  test("says what it was asked to say", async () => {
    const claims = decodeJwt(await makeToken(RING, { tenant: "acme", hours: 0.5, scope: "read" }));
    expect(claims).toMatchObject({ tenant: "acme", scope: "read" });
    expect((claims.exp ?? 0) - (claims.iat ?? 0)).toBe(1800);
  });

  test.each([
    [{ tenant: "Acme Inc" }, 'The tenant is "Acme Inc"; allowed are'],
    [{ tenant: "system" }, "but not system"],
    [{ tenant: "" }, 'The tenant is ""'],
    [{ hours: 0 }, "The token is to last 0 hours"],
    [{ hours: Number.NaN }, "The token is to last NaN hours"],
    [{ hours: 9000 }, "at most 8760"],
    [{ scope: "admin" }, 'The scope is "admin"; allowed are read, write'],
  ])("for %j is refused", async (request, fault) => {
    await expect(makeToken(RING, request)).rejects.toThrow(fault);
  });

  test("cannot be made without a shared key", async () => {
    await expect(makeToken('{"keys":[]}')).rejects.toThrow("hold no HS256 key");
  });
});
