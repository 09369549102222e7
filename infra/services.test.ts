import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { output } from "@pulumi/pulumi";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { loadRuntime, type Program } from "../configs/runtime.ts";
import { stackSchema, type StackConfig } from "../configs/stack.ts";
import type { ProgramSpec } from "./contract.ts";
import { connectionUsers, describeServices, type Foundation, type Services } from "./services.ts";

const CANARIES = { app: "Canary-app-password", owner: "Canary-owner-password", redis: "Canary-redis-password" };
const KEYS = {
  jwt: JSON.stringify({ keys: [{ kid: "a", alg: "HS256", secret: "Canary-jwt".padEnd(44, "x") }] }),
  hmac: JSON.stringify({ keys: [{ id: "a", tenant: "acme", secret: "Canary-hmac".padEnd(44, "x") }] }),
};

function foundation(config: StackConfig, hasGpu: boolean): Foundation {
  return {
    config,
    hasGpu,
    database: {
      host: "postgres.example",
      port: 5432,
      name: "slipway",
      app: { user: "slipway_app", password: output(CANARIES.app) },
      owner: { user: "slipway_owner", password: output(CANARIES.owner) },
    },
    cache: { host: "redis.example", port: 6379, password: output(CANARIES.redis) },
    objects: { url: "file:///var/lib/slipway/objects" },
    keys: { jwt: output(KEYS.jwt), hmac: output(KEYS.hmac) },
  };
}

const DEV = stackSchema.parse({ platform: "docker", environment: "dev" });
const gpuStack = (): Services => describeServices(foundation(DEV, true));

function programs({ migrate, running }: Services): readonly ProgramSpec[] {
  return [migrate, ...running];
}

/** The environment of a program; its values must be plain already here, where hosts are. */
function environment({ environment: settings }: ProgramSpec): Record<string, string> {
  return Object.fromEntries(
    Object.entries(settings).map(([name, value]) => {
      if (typeof value !== "string") throw new Error(`${name} is no plain text`);
      return [name, value];
    }),
  );
}

async function contents({ secrets }: ProgramSpec): Promise<Record<string, string>> {
  return new Promise((resolve) => {
    output(secrets).apply((known) => {
      resolve(known);
    });
  });
}

/** Any stack that configs/stack.ts allows, as far as services go by it. */
const configs = fc
  .record({
    environment: fc.constantFrom("local", "dev", "test", "prod"),
    api: fc.record({
      replicas: fc.integer({ min: 1, max: 32 }),
      memoryMiB: fc.integer({ min: 64, max: 9999 }),
      rateLimitPerSecond: fc.integer({ min: 0, max: 1_000_000 }),
      rateLimitBurst: fc.integer({ min: 1, max: 1_000_000 }),
      queueMaxPending: fc.integer({ min: 1, max: 1_000_000_000 }),
      corsOrigins: fc.subarray(["https://app.example.org", "http://localhost:5173"]),
    }),
    worker: fc.record({ replicas: fc.integer({ min: 1, max: 32 }), concurrency: fc.integer({ min: 1, max: 256 }) }),
    gpu: fc.record({ concurrency: fc.integer({ min: 1, max: 64 }) }),
    drainSeconds: fc.integer({ min: 5, max: 3600 }),
  })
  .map((chosen) => stackSchema.parse({ platform: "docker", ...chosen }));

describe("describeServices", () => {
  it("is pure: the same words for the same foundation, and no resource is made", () => {
    // No engine is there and none is mocked: a resource would throw.
    const given = foundation(DEV, true);
    expect(describeServices(given)).toEqual(describeServices(given));
  });

  it("has a GPU worker only where there is a GPU", () => {
    const names = (hasGpu: boolean) => describeServices(foundation(DEV, hasGpu)).running.map(({ name }) => name);
    expect(names(false)).toEqual(["api", "worker-cpu"]);
    expect(names(true)).toEqual(["api", "worker-cpu", "worker-gpu"]);
    expect(
      gpuStack()
        .running.filter(({ gpu }) => gpu)
        .map(({ name }) => name),
    ).toEqual(["worker-gpu"]);
  });

  it("lets every queue be served by somebody, GPU jobs by the GPU worker alone", () => {
    const queues = gpuStack().running.map((service) => [service.name, environment(service)["WORKER_QUEUES"]]);
    expect(queues).toEqual([
      ["api", undefined],
      ["worker-cpu", "default,cpu,maintenance"],
      ["worker-gpu", "gpu"],
    ]);
  });

  it("takes sizes from the stack", () => {
    fc.assert(
      fc.property(configs, (config) => {
        const [api, cpu, gpu] = describeServices(foundation(config, true)).running;
        expect(api).toMatchObject({ replicas: config.api.replicas, limits: { memoryMiB: config.api.memoryMiB } });
        expect(cpu).toMatchObject({
          replicas: config.worker.replicas,
          environment: { WORKER_CONCURRENCY: String(config.worker.concurrency) },
        });
        expect(gpu).toMatchObject({ replicas: 1, environment: { WORKER_CONCURRENCY: String(config.gpu.concurrency) } });
        for (const { drainSeconds, environment: settings } of [api, cpu, gpu].filter((spec) => spec !== undefined)) {
          expect([drainSeconds, settings["DRAIN_SECONDS"]]).toEqual([config.drainSeconds, String(config.drainSeconds)]);
        }
      }),
    );
  });
});

describe("parity between the programs", () => {
  const SHARED = ["APP_ENV", "NODE_ENV", "SECRETS_DIR", "DATABASE_HOST", "DATABASE_PORT", "DATABASE_NAME"];
  const SERVING = ["DATABASE_USER", "REDIS_HOST", "REDIS_PORT", "OBJECTS_URL", "PORT", "DRAIN_SECONDS"];

  it("has one environment, database and cache for all", () => {
    const { migrate, running } = gpuStack();
    const of = (spec: ProgramSpec, names: string[]) => names.map((name) => environment(spec)[name]);
    const [first] = running;
    if (!first) throw new Error("no service runs");
    expect(of(first, SHARED)).toEqual([
      "dev",
      "production",
      "/run/secrets/slipway",
      "postgres.example",
      "5432",
      "slipway",
    ]);
    for (const spec of running) {
      expect(of(spec, [...SHARED, ...SERVING]), spec.name).toEqual(of(first, [...SHARED, ...SERVING]));
    }
    expect(of(migrate, SHARED)).toEqual(of(first, SHARED));
  });

  it("gives the schema's owner to migrations alone", async () => {
    const { migrate, running } = gpuStack();
    expect(environment(migrate)["DATABASE_USER"]).toBe("slipway_owner");
    expect(await contents(migrate)).toEqual({ "database-password": CANARIES.owner });
    for (const spec of running) {
      expect(environment(spec)["DATABASE_USER"]).toBe("slipway_app");
      expect(await contents(spec)).toEqual({
        "database-password": CANARIES.app,
        "redis-password": CANARIES.redis,
        // Only the API checks credentials.
        ...(spec.name === "api" ? { "jwt-keys": KEYS.jwt, "hmac-keys": KEYS.hmac } : {}),
      });
    }
  });

  it("puts no secret into an environment or a command, and runs nothing as root", () => {
    for (const spec of programs(gpuStack())) {
      const shown = JSON.stringify([environment(spec), spec.command]);
      for (const canary of [...Object.values(CANARIES), "Canary-jwt", "Canary-hmac"])
        expect(shown).not.toContain(canary);
      expect(spec.uid).toBeGreaterThan(999);
    }
  });

  it("is an environment that each program accepts, whatever the stack", () => {
    const folder = mkdtempSync(join(tmpdir(), "slipway-services-"));
    for (const name of ["database-password", "redis-password"]) writeFileSync(join(folder, name), "x".repeat(16));
    writeFileSync(join(folder, "jwt-keys"), KEYS.jwt);
    writeFileSync(join(folder, "hmac-keys"), KEYS.hmac);
    const read = (program: Program, spec: ProgramSpec) =>
      loadRuntime(program, { ...environment(spec), SECRETS_DIR: folder });
    fc.assert(
      fc.property(configs, (config) => {
        const { migrate, running } = describeServices(foundation(config, true));
        expect(read("migrate", migrate).DATABASE_POOL_SIZE).toBe(migrate.connections);
        for (const spec of running) {
          const program = spec.name === "api" ? "api" : "worker";
          const settings = read(program, spec);
          expect(settings).toMatchObject({ PORT: spec.port, DATABASE_POOL_SIZE: spec.connections });
          expect(settings.APP_ENV).toBe(config.environment);
        }
      }),
    );
    rmSync(folder, { recursive: true });
  });
});

describe("connectionUsers", () => {
  it("says of every service what its description says", () => {
    fc.assert(
      fc.property(configs, fc.boolean(), (config, hasGpu) => {
        const sizes = connectionUsers(config, hasGpu).map(({ name, replicas, connections }) => [
          name,
          replicas,
          connections,
        ]);
        const { running } = describeServices(foundation(config, hasGpu));
        expect(sizes).toEqual(running.map(({ name, replicas, connections }) => [name, replicas, connections]));
      }),
    );
  });

  it("names keys that the stack's file has", () => {
    for (const { name, keys } of connectionUsers(DEV, true)) {
      expect(keys.length, name).toBeGreaterThan(0);
      for (const key of keys) {
        const [object = "", field = ""] = key.split(".");
        expect(DEV).toHaveProperty([object, field]);
      }
    }
  });
});
