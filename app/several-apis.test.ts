import { renameSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { startApiPrograms, type ApiPrograms } from "../test/servers/api-programs.ts";
import { TEST_KEYS, testAuthorization } from "../test/servers/credentials.ts";
import { signRequest, signToken } from "./credentials.ts";

let programs: ApiPrograms;
beforeAll(async () => {
  programs = await startApiPrograms();
});
afterAll(() => programs.close());

const PATH = "/api/v1/jobs?limit=1";

/** Asks every API so often, all in turn; gives how often each let it in, and the seconds it took. */
async function knock(urls: readonly string[], tries: number, tenant: string) {
  const headers = await testAuthorization(tenant);
  const began = performance.now();
  const allowed = await Promise.all(
    urls.map(async (url) => {
      let count = 0;
      for (let n = 0; n < tries; n += 1) {
        const answer = await fetch(url + PATH, { headers });
        await answer.arrayBuffer();
        expect([200, 429]).toContain(answer.status);
        if (answer.status === 200) count += 1;
      }
      return count;
    }),
  );
  return { allowed, sum: allowed.reduce((a, b) => a + b), seconds: (performance.now() - began) / 1000 };
}

it("gives a tenant one limit over two APIs, one each while Redis hangs, and one again after", async () => {
  const [perSecond, burst] = [10, 60];
  const env = { RATE_LIMIT_PER_SECOND: String(perSecond), RATE_LIMIT_BURST: String(burst) };
  const urls = [await programs.start(env), await programs.start(env)];
  // What a process has asked for ahead and not used.
  const ahead = 2 * urls.length;
  const shared = await knock(urls, 100, "acme");
  expect(shared.sum).toBeLessThanOrEqual(burst + perSecond * shared.seconds + ahead);
  expect(shared.sum).toBeGreaterThanOrEqual(burst - ahead);

  const info = String(await programs.stack.redis.command("INFO", "server"));
  const pid = Number(/process_id:(\d+)/.exec(info)?.[1]);
  process.kill(pid, "SIGSTOP");
  const alone = await knock(urls, 100, "lonely").finally(() => process.kill(pid, "SIGCONT"));
  for (const count of alone.allowed) {
    expect(count).toBeGreaterThanOrEqual(burst - ahead);
    expect(count).toBeLessThanOrEqual(burst + perSecond * alone.seconds + ahead);
  }

  // Each asks Redis again a second after it failed.
  await sleep(2500);
  const again = await knock(urls, 100, "acme");
  expect(again.sum).toBeLessThanOrEqual(burst + perSecond * again.seconds + ahead);
});

it("rotates keys of tokens and of signed requests under load, and no request fails", async () => {
  const url = await programs.start({ RATE_LIMIT_PER_SECOND: "0" });
  const write = (name: string, keys: readonly object[]) => {
    const path = join(programs.stack.env["SECRETS_DIR"] ?? "", name);
    writeFileSync(`${path}.new`, JSON.stringify({ keys }));
    renameSync(`${path}.new`, path);
  };
  const secret = Buffer.alloc(32, "rotated").toString("base64url");
  const [oldToken] = TEST_KEYS["jwt-keys"];
  const [oldSigner] = TEST_KEYS["hmac-keys"];
  const newToken = { kid: "rotated", alg: "HS256", secret } as const;
  const newSigner = { id: "rotated", tenant: "acme", secret };
  const used = {
    token: oldToken as { kid: string; alg: "HS256"; secret: string },
    signer: oldSigner as typeof newSigner,
  };
  const withToken = async () => ({ authorization: `Bearer ${await signToken(used.token, { tenant: "acme" })}` });
  const withSignature = async () => signRequest(used.signer, { method: "GET", path: PATH });
  const codes: number[] = [];
  let stop = false;
  const load = [withToken, withSignature, withToken, withSignature].map(async (credentials) => {
    while (!stop) {
      const answer = await fetch(url + PATH, { headers: { ...(await credentials()) } });
      await answer.arrayBuffer();
      codes.push(answer.status);
      await sleep(2);
    }
  });
  /** The API looks at the files once a second. */
  const noticed = () => sleep(1300);
  await sleep(200);
  write("jwt-keys", [oldToken, newToken]);
  write("hmac-keys", [oldSigner, newSigner]);
  await noticed();
  Object.assign(used, { token: newToken, signer: newSigner });
  write("jwt-keys", [newToken, oldToken]);
  write("hmac-keys", [newSigner, oldSigner]);
  await noticed();
  const old = { authorization: `Bearer ${await signToken(oldToken, { tenant: "acme" })}` };
  expect((await fetch(url + PATH, { headers: old })).status).toBe(200);
  write("jwt-keys", [newToken]);
  write("hmac-keys", [newSigner]);
  await noticed();
  stop = true;
  await Promise.all(load);
  expect((await fetch(url + PATH, { headers: old })).status).toBe(401);
  expect(codes.length).toBeGreaterThan(200);
  expect(codes.filter((code) => code !== 200)).toEqual([]);
});
