import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ConfigError, loadRuntime, maskConfig, type ConfigFault, type Program } from "./runtime.ts";
import { encrypt } from "./secrets.ts";

const AES = "a".repeat(40);
const SHARED = Buffer.alloc(32, "canary").toString("base64url");
const KEYS = {
  "jwt-keys": JSON.stringify({ keys: [{ kid: "one", alg: "HS256", secret: SHARED }] }),
  "hmac-keys": JSON.stringify({ keys: [{ id: "one", tenant: "acme", secret: SHARED }] }),
};

function secretsDir(secrets: Record<string, string>): string {
  const directory = mkdtempSync(join(tmpdir(), "slipway-runtime-"));
  for (const [name, value] of Object.entries(secrets)) writeFileSync(join(directory, name), `${value}\n`);
  return directory;
}

function goodEnv() {
  return {
    APP_ENV: "dev",
    DATABASE_HOST: "db",
    DATABASE_NAME: "slipway",
    DATABASE_USER: "slipway_app",
    REDIS_HOST: "cache",
    SECRETS_DIR: secretsDir({
      "database-password": "canary-db",
      "redis-password": "canary-redis",
      "aes-secret": AES,
      ...KEYS,
    }),
  };
}

function faults(program: Program, env: NodeJS.ProcessEnv): readonly ConfigFault[] {
  try {
    loadRuntime(program, env);
  } catch (error) {
    if (error instanceof ConfigError) return error.faults;
    throw error;
  }
  throw new Error("expected a ConfigError");
}

describe("loadRuntime", () => {
  it("fills in the documented defaults", () => {
    const config = loadRuntime("worker", goodEnv());
    expect(config).toMatchObject({
      PORT: 8001,
      HOST: "0.0.0.0",
      DATABASE_PORT: 5432,
      DATABASE_POOL_SIZE: 10,
      DATABASE_TLS: "off",
      REDIS_PORT: 6379,
      OBJECTS_URL: "file:///var/lib/slipway/objects",
      DRAIN_SECONDS: 25,
      DRAIN_LINGER_SECONDS: 3,
      WORKER_QUEUES: ["default"],
      WORKER_CONCURRENCY: 4,
      debug: true,
      logLevel: "debug",
      secrets: { "database-password": "canary-db", "redis-password": "canary-redis" },
    });
    expect(loadRuntime("api", goodEnv())).toMatchObject({
      PORT: 8000,
      JWT_ISSUER: "slipway",
      JWT_AUDIENCE: "slipway-api",
      RATE_LIMIT_PER_SECOND: 1000,
      RATE_LIMIT_BURST: 2000,
      QUEUE_MAX_PENDING: 2_000_000,
      TENANT_MAX_PENDING: 1_000_000,
      EVENT_STREAMS_PER_TENANT: 100,
      CORS_ORIGINS: [],
      MAX_CONNECTIONS: 10_000,
      secrets: KEYS,
    });
  });

  it("turns debug off in prod only", () => {
    expect(loadRuntime("api", { ...goodEnv(), APP_ENV: "prod" })).toMatchObject({ debug: false, logLevel: "info" });
    expect(loadRuntime("api", { ...goodEnv(), APP_ENV: "test", LOG_LEVEL: "warn" })).toMatchObject({
      logLevel: "warn",
    });
  });

  it("asks migrate for the database only", () => {
    const env = { ...goodEnv(), REDIS_HOST: undefined };
    rmSync(join(env.SECRETS_DIR, "redis-password"));
    expect(loadRuntime("migrate", env).secrets).toEqual({ "database-password": "canary-db" });
  });

  it("lists every fault at once: key, got, allowed, how to fix", () => {
    const env = {
      APP_ENV: "production",
      PORT: "80a",
      WORKER_QUEUES: "Default,,x",
      OBJECTS_URL: "ftp://x",
      SECRETS_DIR: "/nowhere",
    };
    const found = faults("worker", env);
    expect(found.map((fault) => fault.key)).toEqual([
      "APP_ENV",
      "DATABASE_HOST",
      "DATABASE_NAME",
      "DATABASE_USER",
      "PORT",
      "REDIS_HOST",
      "OBJECTS_URL",
      "WORKER_QUEUES",
      "secret database-password",
      "secret redis-password",
    ]);
    expect(found[0]).toEqual({
      key: "APP_ENV",
      got: '"production"',
      allowed: "one of local, dev, test, prod",
      fix: "Correct APP_ENV.",
    });
    expect(found[1]).toMatchObject({ got: "nothing", fix: "Set DATABASE_HOST." });
    expect(found[8]?.fix).toContain("/nowhere/database-password cannot be read (ENOENT)");
  });

  it.each([["0"], ["65536"], ["1e3"], ["-1"], [""], [" 5"]])("refuses PORT=%j", (PORT) => {
    expect(faults("api", { ...goodEnv(), PORT })).toEqual([
      expect.objectContaining({ key: "PORT", allowed: "a whole number, 1 to 65535 (default 8000)" }),
    ]);
  });

  it.each([["*"], ["https://a.example/"], ["a.example"], ["https://a.example,"], ["null"]])(
    "refuses CORS_ORIGINS=%j",
    (CORS_ORIGINS) => {
      expect(faults("api", { ...goodEnv(), CORS_ORIGINS }).map(({ key }) => key)).toEqual(["CORS_ORIGINS"]);
    },
  );

  it("takes several origins", () => {
    const env = { ...goodEnv(), CORS_ORIGINS: "https://a.example,http://localhost:3000" };
    expect(loadRuntime("api", env).CORS_ORIGINS).toEqual(["https://a.example", "http://localhost:3000"]);
  });

  it("checks the keys of the api at its start, without a word of them", () => {
    const env = goodEnv();
    writeFileSync(join(env.SECRETS_DIR, "jwt-keys"), '{"keys":[{"kid":"one","alg":"none","canary-field":1}]}');
    writeFileSync(join(env.SECRETS_DIR, "hmac-keys"), "canary-no-json");
    const found = faults("api", env);
    expect(found.map((fault) => fault.key)).toEqual(["secret jwt-keys", "secret hmac-keys"]);
    expect(found[0]?.fix).toContain("keys.0.alg: alg must be HS256 or EdDSA");
    expect(JSON.stringify(found)).not.toContain("canary");
    expect(loadRuntime("worker", env).PORT).toBe(8001);
  });

  it("opens ENC(...) in environment and secrets, and prints no value when the key is wrong", () => {
    const env = { ...goodEnv(), DATABASE_HOST: encrypt("hidden-host", AES) };
    expect(loadRuntime("api", env).DATABASE_HOST).toBe("hidden-host");
    writeFileSync(join(env.SECRETS_DIR, "redis-password"), encrypt("canary-redis", "b".repeat(40)));
    const found = faults("api", env);
    expect(found.map((fault) => fault.key)).toEqual(["secret redis-password"]);
    expect(JSON.stringify(found)).toContain("does not open");
    expect(JSON.stringify(found)).not.toContain("canary");
  });

  it("says so when ENC(...) is used without its key", () => {
    const env = { ...goodEnv(), DATABASE_HOST: encrypt("hidden-host", AES) };
    rmSync(join(env.SECRETS_DIR, "aes-secret"));
    const found = faults("api", env);
    expect(found.map((fault) => fault.key)).toEqual(["DATABASE_HOST"]);
    expect(found[0]?.fix).toContain("aes-secret cannot be read");
  });
});

it("masks secrets and ENC(...) values when echoed", () => {
  const env = { ...goodEnv(), DATABASE_HOST: encrypt("hidden-host", AES) };
  const echoed = JSON.stringify(maskConfig(loadRuntime("api", env), env));
  expect(echoed).toContain('"DATABASE_HOST":"********"');
  expect(echoed).toContain('"DATABASE_NAME":"slipway"');
  expect(echoed).not.toMatch(/canary|hidden-host/);
});
