import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseStackConfig, SECRET_KEYS, stackSchema, StackConfigError, type RawConfig } from "./stack.ts";

const REQUIRED = { platform: "docker", environment: "dev" };
const API = {
  replicas: 2,
  rateLimitPerSecond: 1000,
  rateLimitBurst: 2000,
  queueMaxPending: 2_000_000,
  corsOrigins: [],
  memoryMiB: 384,
  cpus: 1,
};
const PASSWORDS = ["databasePassword", "databaseOwnerPassword", "redisPassword"] as const;
const KEY_RINGS = ["jwtKeys", "hmacKeys"] as const;
const GOOD_SECRET = "Canary-0123456789_abcdef";

/** As the engine hands a file over: plain strings as they are, everything else as JSON text. */
function raw(values: Readonly<Record<string, unknown>>, secretKeys: readonly string[] = []): RawConfig {
  const texts = Object.entries(values).map(([key, value]) => [
    key,
    typeof value === "string" ? value : JSON.stringify(value),
  ]);
  return {
    values: Object.fromEntries(texts) as Record<string, string>,
    isSecret: (key) => secretKeys.includes(key),
  };
}

function refusal(config: RawConfig): string {
  try {
    parseStackConfig("dev", config);
  } catch (error) {
    if (error instanceof StackConfigError) return error.message;
    throw error;
  }
  throw new Error("expected a StackConfigError");
}

describe("defaults", () => {
  it("are these, where a file says only where and what the stack is", () => {
    expect(parseStackConfig("dev", raw(REQUIRED))).toEqual({
      platform: "docker",
      environment: "dev",
      allowReplace: [],
      teardown: false,
      edge: { address: "127.0.0.1", port: 8080 },
      api: API,
      worker: { replicas: 1, concurrency: 4, pool: "process", memoryMiB: 512, cpus: 1 },
      gpu: { mode: "auto", concurrency: 1, memoryMiB: 4096, cpus: 2 },
      speech: { engine: "espeak-ng" },
      postgres: { memoryMiB: 768, cpus: 1 },
      redis: { memoryMiB: 320, cpus: 1, maxMemoryMiB: 192 },
      drainSeconds: 25,
      healthTimeoutSeconds: 90,
      keepReleases: 3,
    });
  });

  it("stay for what an object leaves out", () => {
    const { api, edge } = parseStackConfig("dev", raw({ ...REQUIRED, api: { replicas: 3 }, edge: { port: 9000 } }));
    expect(api).toEqual({ ...API, replicas: 3 });
    expect(edge).toEqual({ address: "127.0.0.1", port: 9000 });
  });

  it("keeps secrets out of what it returns", () => {
    const config = parseStackConfig("dev", raw({ ...REQUIRED, redisPassword: GOOD_SECRET }, ["redisPassword"]));
    expect(JSON.stringify(config)).not.toContain(GOOD_SECRET);
    expect(config).not.toHaveProperty("redisPassword");
  });
});

describe("fractions", () => {
  it("are taken as `pulumi config set --path` writes them, which is as text", () => {
    for (const cpus of ["0.2", "1"])
      expect(parseStackConfig("dev", raw({ ...REQUIRED, worker: { cpus } })).worker.cpus).toBe(Number(cpus));
  });

  it.each(["two", "0.01", "1e2.5", "", "0.5 "])("are refused where they are %j", (cpus) => {
    expect(refusal(raw({ ...REQUIRED, worker: { cpus } }))).toContain("slipway:worker.cpus is");
  });
});

describe("faults", () => {
  it("are all listed at once, each with where, what was got and what is allowed", () => {
    const message = refusal(
      raw({
        environment: "staging",
        api: { replicas: 0, colour: "red", cpus: "two" },
        edge: { address: "localhost", port: 70_000 },
        gpu: { mode: "maybe" },
        reddis: {},
        drainSeconds: 1.5,
        databasePassword: "in the clear",
      }),
    );
    const lines = message.split("\n");
    expect(lines[0]).toBe("Pulumi.dev.yaml has 11 faults; nothing was created or changed.");
    expect(lines.at(-1)).toBe(
      "Mend them in Pulumi.dev.yaml; every key, its range and default: configs/stack-fields.ts.",
    );
    const faults = lines.slice(1, -1);
    expect(faults).toHaveLength(11);
    for (const [where, got] of [
      ["slipway:platform", "is missing"],
      ["slipway:environment", 'is "staging"'],
      ["slipway:api.replicas", "is 0"],
      ["slipway:api.cpus", 'is "two"'],
      ["slipway:api.colour", "is not a key of this program"],
      ["slipway:edge.address", 'is "localhost"'],
      ["slipway:edge.port", "is 70000"],
      ["slipway:gpu.mode", 'is "maybe"'],
      ["slipway:reddis", "is not a key of this program"],
      ["slipway:drainSeconds", "is 1.5"],
      ["slipway:databasePassword", "stands in clear"],
    ] as const) {
      expect(faults.filter((fault) => fault.startsWith(`  - ${where} ${got}`), where)).toHaveLength(1);
    }
    expect(message).toContain('"local"|"dev"|"test"|"prod"');
  });

  it("counts one as one", () => {
    expect(refusal(raw({ platform: "docker" }))).toContain("Pulumi.dev.yaml has 1 fault;");
  });

  it.each([
    ["api", "two", "slipway:api is"],
    ["api", [1], "slipway:api is"],
    ["api", null, "slipway:api is null"],
    ["worker", { replicas: { min: 1 } }, "slipway:worker.replicas is"],
    ["redis", { maxMemoryMiB: 320 }, "slipway:redis.maxMemoryMiB is 320: must be below memoryMiB"],
    ["speech", { engine: "kokoro" }, "slipway:speech.modelFolder is missing: must name the folder of the model"],
    ["speech", { modelFolder: "models" }, 'slipway:speech.modelFolder is "models": must be an absolute path'],
    ["api", { corsOrigins: ["https://a.example/x"] }, "slipway:api.corsOrigins.0 is"],
    ["platform", "nomad", 'slipway:platform is "nomad"'],
    ["__proto__", { drainSeconds: 7 }, "slipway:__proto__ is not a key"],
    ["constructor", {}, "slipway:constructor is not a key"],
    ["", "x", "slipway: is not a key"],
  ])("refuses %s: %j", (key, value, fault) => {
    expect(refusal(raw({ ...REQUIRED, ...Object.fromEntries([[key, value]]) }))).toContain(fault);
  });
});

describe("secrets", () => {
  it("are these, all of them tested here", () => {
    expect(SECRET_KEYS).toEqual([...PASSWORDS, ...KEY_RINGS]);
  });

  it.each(KEY_RINGS)("refuses %s in clear or malformed, and prints nothing of it", (key) => {
    const secret = Buffer.from("Canary-".repeat(5)).toString("base64url");
    const slot = key === "jwtKeys" ? { kid: "a", alg: "HS256", secret } : { id: "a", tenant: "acme", secret };
    const ring = JSON.stringify({ keys: [slot] });
    expect(parseStackConfig("dev", raw({ ...REQUIRED, [key]: ring }, [key]))).toMatchObject(REQUIRED);
    expect(refusal(raw({ ...REQUIRED, [key]: ring }))).toContain(`slipway:${key} stands in clear.`);
    for (const wrong of [ring.replace("{", ""), JSON.stringify({ keys: [slot, slot] }), JSON.stringify([slot])]) {
      const message = refusal(raw({ ...REQUIRED, [key]: wrong }, [key]));
      expect(message).toContain(`slipway:${key} is no key ring: `);
      expect(message).not.toContain(secret);
    }
  });

  it.each(PASSWORDS)("refuses %s in clear, too short, or with signs that a URL would change", (key) => {
    expect(refusal(raw({ ...REQUIRED, [key]: GOOD_SECRET }))).toContain(
      `slipway:${key} stands in clear. Use \`pulumi config set --secret ${key}\`.`,
    );
    for (const weak of ["", "short-canary", "canary with spaces in it", "canary@host/with:signs"]) {
      const message = refusal(raw({ ...REQUIRED, [key]: weak }, [key]));
      expect(message).toContain(`slipway:${key} (${weak.length} characters) must be at least 16`);
      if (weak !== "") expect(message).not.toContain(weak);
    }
    expect(parseStackConfig("dev", raw({ ...REQUIRED, [key]: GOOD_SECRET }, [key]))).toMatchObject(REQUIRED);
  });

  it("refuses another key that was set as a secret, and does not print it", () => {
    const message = refusal(raw({ ...REQUIRED, drainSeconds: GOOD_SECRET }, ["drainSeconds"]));
    expect(message).toContain("slipway:drainSeconds is set as a secret; the secrets are: databasePassword");
    expect(message).not.toContain(GOOD_SECRET);
  });
});

/** Every key of the file, the secrets, and keys that nobody knows. */
const keys = fc.oneof(
  fc.constantFrom(...Object.keys(stackSchema.shape), ...SECRET_KEYS, "__proto__", "constructor"),
  fc.string(),
);
const texts = fc.oneof(
  fc.jsonValue().map((value) => JSON.stringify(value)),
  fc.string(),
);

describe("any file", () => {
  it("is taken or refused by a StackConfigError, nothing else", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(keys, texts, fc.boolean())), (entries) => {
        const secret = new Set(entries.filter(([, , isSecret]) => isSecret).map(([key]) => key));
        const values = Object.fromEntries(entries.map(([key, text]) => [key, text]));
        try {
          parseStackConfig("dev", { values: { ...REQUIRED, ...values }, isSecret: (key) => secret.has(key) });
        } catch (error) {
          expect(error).toBeInstanceOf(StackConfigError);
        }
      }),
      { numRuns: 1000 },
    );
  });

  it("never has a secret in its refusal, however wrong the rest is", () => {
    const canary = fc.stringMatching(/^Q[#%&!]Z[ -~]{4,40}$/);
    fc.assert(
      fc.property(keys, canary, fc.boolean(), fc.dictionary(keys, texts), (key, value, clear, rest) => {
        fc.pre(!clear || (SECRET_KEYS as readonly string[]).includes(key));
        const values = Object.fromEntries([...Object.entries(rest), [key, value]]) as Record<string, string>;
        const message = refusal({ values, isSecret: (asked) => !clear && asked === key });
        expect(message).not.toContain(value);
        expect(message).not.toContain(JSON.stringify(value).slice(1, -1));
      }),
      { numRuns: 1000 },
    );
  });
});
