import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { makeToken } from "../../toolchain/token.ts";
import { send, startLoad, finished, type LoadReport } from "./client.ts";
import { generatedSecrets, logsIn, sessions } from "./logins.ts";
import { docker, makeStack, type E2eStack } from "./stack.ts";

/** Rotation by what stands in the stack's file alone, under load; the command that writes it has a test of its own. */
let stack: E2eStack;
let before: string;
let load: { stop(): Promise<LoadReport> };
beforeAll(async () => {
  stack = await makeStack();
  await stack.up();
  before = await containersOf("postgres", "redis");
  load = startLoad({ url: stack.url, token: stack.token }, 4);
});
afterAll(() => stack.remove());

/** Ids, and when each was started: a container that was only restarted is seen too. */
async function containersOf(...services: string[]): Promise<string> {
  const names = (await Promise.all(services.map((service) => stack.containers(service)))).flat();
  const { output } = await docker("inspect", "--format", "{{.Id}} {{.State.StartedAt}} {{.RestartCount}}", ...names);
  return output.trim();
}

async function deploy(slot: string, other: string): Promise<void> {
  const slots = { slot, other };
  stack.configure({ credentials: { database: slots, redis: slots, jwt: slots } });
  await stack.up();
}

async function isSoon(what: () => Promise<unknown>, value: unknown): Promise<void> {
  await expect.poll(what, { timeout: 120_000, interval: 250 }).toEqual(value);
}

async function login(which: "first" | "second"): Promise<readonly boolean[]> {
  const secrets = await generatedSecrets(stack);
  const suffix = which === "first" ? "" : "-second";
  const role = which === "first" ? "" : "_second";
  const redis = which === "first" ? "default" : "slipway_second";
  return Promise.all([
    logsIn(stack, "postgres", `slipway_app${role}`, secrets[`database-password${suffix}`] ?? ""),
    logsIn(stack, "postgres", `slipway_owner${role}`, secrets[`database-owner-password${suffix}`] ?? ""),
    logsIn(stack, "redis", redis, secrets[`redis-password${suffix}`] ?? ""),
  ]);
}

async function tokenOf(which: "first" | "second"): Promise<number> {
  const secret = (await generatedSecrets(stack))[which === "first" ? "jwt-key" : "jwt-key-second"];
  const kid = which === "first" ? "generated" : "generated-second";
  const token = await makeToken(JSON.stringify({ keys: [{ kid, alg: "HS256", secret }] }));
  return (await send({ url: stack.url, token }, "GET", "/api/v1/jobs?limit=1")).status;
}

const IN = [true, true, true];
const OUT = [false, false, false];

describe("a rotation under load", () => {
  it("makes the other slot, and both are accepted by servers that were not started anew", async () => {
    expect(await login("second")).toEqual(OUT);
    await deploy("first", "next");
    await isSoon(() => login("second"), IN);
    expect(await login("first")).toEqual(IN);
    expect([await tokenOf("first"), await tokenOf("second")]).toEqual([200, 200]);
  });

  it("moves every service, and tokens are signed by the new key", async () => {
    await deploy("second", "last");
    await isSoon(() => sessions(stack), { postgres: ["slipway_app_second"], redis: ["slipway_second"] });
    expect(await login("first")).toEqual(IN);
    const [header = ""] = stack.token.split(".");
    expect(JSON.parse(Buffer.from(header, "base64url").toString())).toMatchObject({ kid: "generated-second" });
  });

  it("lost no request and no job so far, with tokens of the slot that was left", async () => {
    const { failures, accepted, requests } = await load.stop();
    expect(failures).toEqual([]);
    expect(requests).toBeGreaterThan(100);
    for (const id of accepted) expect((await finished(stack, id)).state, id).toBe("succeeded");
    console.log(`${requests} requests, ${accepted.length} jobs`);
    load = startLoad({ url: stack.url, token: stack.token }, 4);
  });

  it("turns the slot off that served: kept, and refused", async () => {
    await deploy("second", "off");
    await isSoon(() => login("first"), OUT);
    expect(await login("second")).toEqual(IN);
    expect(Object.keys(await generatedSecrets(stack))).toContain("database-password");
    expect([await tokenOf("first"), await tokenOf("second")]).toEqual([401, 200]);
  });

  it("goes back to it the same way", async () => {
    const { "database-password": kept } = await generatedSecrets(stack);
    await deploy("second", "next");
    await isSoon(() => login("first"), IN);
    await deploy("first", "last");
    await isSoon(() => sessions(stack), { postgres: ["slipway_app"], redis: ["default"] });
    expect((await generatedSecrets(stack))["database-password"]).toBe(kept);
  });

  it("forgets a slot, and the next one of that name is another", async () => {
    const { failures } = await load.stop();
    expect(failures).toEqual([]);
    const { "database-password-second": old } = await generatedSecrets(stack);
    await deploy("first", "none");
    await isSoon(() => login("second"), OUT);
    expect(Object.keys(await generatedSecrets(stack)).filter((name) => name.endsWith("-second"))).toEqual([]);
    await deploy("first", "next");
    expect((await generatedSecrets(stack))["database-password-second"]).not.toBe(old);
    await isSoon(() => login("second"), IN);
  });

  it("left Postgres and Redis in the containers that they were in", async () => {
    expect(await containersOf("postgres", "redis")).toBe(before);
    expect(await stack.pulumi("preview", "--expect-no-changes")).toMatchObject({ code: 0 });
  });
});
