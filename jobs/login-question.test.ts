import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync, chmodSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadRuntime, type RuntimeConfig } from "../configs/runtime.ts";
import { startStack, type TestStack } from "../test/servers/stack.ts";
import { answer } from "./login-question.ts";
import { SCHEMA_LEVEL } from "./schema-level.ts";

/** Real servers that ask for passwords, but of the superuser. */
const RULES = "host all postgres all trust\nhost all all all scram-sha-256\n";
let folder: string;
let stack: TestStack;
let config: RuntimeConfig<"api">;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "slipway-logins-"));
  chmodSync(folder, 0o755);
  writeFileSync(join(folder, "hba.conf"), RULES);
  stack = await startStack({ migrate: false, postgres: [`hba_file=${join(folder, "hba.conf")}`] });
  await stack.asSuperuser("ALTER ROLE slipway_app PASSWORD 'unused-by-trust'");
  await stack.asSuperuser("CREATE ROLE slipway_app_second LOGIN PASSWORD 'second'");
  await stack.redis.command("ACL", "SETUSER", "slipway_second", "on", ">second", "~*", "+@all");
  config = loadRuntime("api", stack.env);
});
afterAll(async () => {
  await stack.close();
  rmSync(folder, { recursive: true });
});

describe("Postgres", () => {
  const asked = (user: string, password: string) => answer(config, { ask: "database", user, password });

  it("takes a role with its password, and no other", async () => {
    expect(await asked("slipway_app_second", "second")).toEqual({ taken: true });
    expect(await asked("slipway_app_second", "third")).toEqual({ taken: false });
    expect(await asked("nobody", "second")).toEqual({ taken: false });
  });

  it("refuses a role that may not log in", async () => {
    await stack.asSuperuser("ALTER ROLE slipway_app_second NOLOGIN");
    expect(await asked("slipway_app_second", "second")).toEqual({ taken: false });
    await stack.asSuperuser("ALTER ROLE slipway_app_second LOGIN");
  });

  it("says who is there by roles, to one that is nobody special", async () => {
    const roles = ["slipway_app_second", "slipway_owner_second"];
    expect(await answer(config, { ask: "users", roles })).toEqual({ users: [] });
    const second = {
      ...config,
      DATABASE_USER: "slipway_app_second",
      secrets: { ...config.secrets, "database-password": "second" },
    };
    expect(await answer(second, { ask: "users", roles })).toEqual({
      users: [`slipway_app_second (slipway-api/${SCHEMA_LEVEL}, 1)`],
    });
  });
});

describe("Redis", () => {
  it("takes a password of its default user or of another one, and no other", async () => {
    expect(await answer(config, { ask: "redis", password: "redis-secret" })).toEqual({ taken: true });
    expect(await answer(config, { ask: "redis", password: "another" })).toEqual({ taken: false });
    expect(await answer(config, { ask: "redis", user: "slipway_second", password: "second" })).toEqual({ taken: true });
    expect(await answer(config, { ask: "redis", user: "slipway_second", password: "other" })).toEqual({ taken: false });
  });
});

it("is asked by a line on standard input, which need not end, and an answer that does not come is no refusal", async () => {
  const ask = async (question: object, env = stack.env) => {
    const child = spawn(process.execPath, [new URL("try-login.ts", import.meta.url).pathname], { env });
    const said: string[] = [];
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (part: Buffer) => said.push(part.toString()));
    child.stdin.write(`${JSON.stringify(question)}\n`);
    const [code] = (await once(child, "close")) as [number];
    return { code, said: said.join("") };
  };
  const login = { ask: "redis", password: "redis-secret" };
  expect(await ask(login)).toEqual({ code: 0, said: '{"taken":true}\n' });
  expect(await ask({ ...login, password: "other" })).toEqual({ code: 0, said: '{"taken":false}\n' });
  const { code, said } = await ask(login, { ...stack.env, REDIS_PORT: "1" });
  expect(code).toBe(1);
  expect(said).toContain("no answer: ");
  expect(said).not.toContain("redis-secret");
});

describe("a server that is away", () => {
  it("is no refusal", async () => {
    const away = { ...config, DATABASE_PORT: 1, REDIS_PORT: 1 };
    await expect(answer(away, { ask: "database", user: "slipway_app", password: "x" })).rejects.toThrow("ECONNREFUSED");
    await expect(answer(away, { ask: "redis", password: "x" })).rejects.toThrow(/closed|ECONNREFUSED/);
  });
});
