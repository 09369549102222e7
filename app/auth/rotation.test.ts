import { writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { startTestApi, type TestApi } from "../../test/servers/api.ts";
import { ED25519, TEST_KEYS } from "../../test/servers/credentials.ts";
import { signRequest, signToken, type SigningKey } from "../credentials.ts";

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
});
afterAll(() => api.close());

const [old] = TEST_KEYS["jwt-keys"];
const next = { kid: "next", alg: "HS256", secret: Buffer.alloc(32, "next").toString("base64url") } as const;

async function asked(key: SigningKey): Promise<number> {
  const authorization = `Bearer ${await signToken(key, { tenant: "acme" })}`;
  return (await api.app.inject({ url: "/api/v1/jobs", headers: { authorization } })).statusCode;
}

/** Files are looked at once a second. */
async function write(name: keyof typeof TEST_KEYS, content: string): Promise<void> {
  writeFileSync(join(api.stack.env["SECRETS_DIR"] ?? "", name), content);
  await sleep(1100);
}

it("takes tokens of both algorithms, of every key that there is", async () => {
  const { kid, alg, privateKey } = ED25519;
  expect(await asked(old)).toBe(200);
  expect(await asked({ kid, alg, privateKey })).toBe(200);
  expect(await asked(next)).toBe(401);
});

it("rotates without a restart: a dropped key ends tokens that were taken before, and a wrong file changes nothing", async () => {
  const authorization = `Bearer ${await signToken(old, { tenant: "acme" })}`;
  const again = async () => (await api.app.inject({ url: "/api/v1/jobs", headers: { authorization } })).statusCode;
  expect(await again()).toBe(200);
  await write("jwt-keys", JSON.stringify({ keys: [old, next] }));
  expect([await again(), await asked(next)]).toEqual([200, 200]);
  await write("jwt-keys", "{");
  expect([await again(), await asked(next)]).toEqual([200, 200]);
  expect(api.lines.some((line) => line["level"] === 50 && String(line["reason"]).includes("jwt-keys is no JSON"))).toBe(
    true,
  );
  await write("jwt-keys", JSON.stringify({ keys: [next] }));
  expect([await again(), await asked(next)]).toEqual([401, 200]);
});

it("rotates keys of signed requests", async () => {
  const key = { id: "fresh", tenant: "acme", secret: next.secret };
  const signed = () => {
    const headers = signRequest(key, { method: "GET", path: "/api/v1/jobs?limit=1" });
    return api.app.inject({ url: "/api/v1/jobs?limit=1", headers });
  };
  expect((await signed()).statusCode).toBe(401);
  await write("hmac-keys", JSON.stringify({ keys: [key] }));
  expect((await signed()).statusCode).toBe(200);
  await write("hmac-keys", JSON.stringify({ keys: [{ ...key, enabled: false }] }));
  expect((await signed()).statusCode).toBe(401);
  await write("hmac-keys", JSON.stringify({ keys: [{ ...key, enabled: true }] }));
  expect((await signed()).statusCode).toBe(200);
});

it("says what a token lacks the scope for, and logs who asked but never a credential", async () => {
  const token = await signToken(next, { tenant: "acme", scope: "write other" });
  const headers = { authorization: `Bearer ${token}`, "x-request-id": "request-scope" };
  const answer = await api.app.inject({ url: "/api/v1/jobs", headers });
  expect(answer.json()).toMatchObject({ status: 403, type: "urn:slipway:problem:scope-missing" });
  const line = api.lines.find((one) => one["requestId"] === "request-scope");
  expect(line).toMatchObject({ tenant: "acme", keyId: "next", problem: "scope-missing", status: 403 });
  expect(JSON.stringify(api.lines)).not.toContain(token);
});

it("refuses a replay that comes at the same moment, and after Redis was emptied", async () => {
  const key = { id: "fresh", secret: next.secret };
  const headers = signRequest(key, { method: "GET", path: "/api/v1/jobs" });
  const ask = () => api.app.inject({ url: "/api/v1/jobs", headers });
  const codes = (await Promise.all([ask(), ask(), ask()])).map(({ statusCode }) => statusCode);
  expect(codes.sort()).toEqual([200, 401, 401]);
  await api.stack.redis.command("FLUSHALL");
  expect((await ask()).json()).toMatchObject({ type: "urn:slipway:problem:request-replayed" });
});
