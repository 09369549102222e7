import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { FLAGS } from "./command-line.ts";
import { launch, type Launch } from "./launch.ts";
import { VERSION } from "./version.ts";

const secrets = mkdtempSync(join(tmpdir(), "slipway-launch-"));
writeFileSync(join(secrets, "database-password"), "canary-db");
writeFileSync(join(secrets, "redis-password"), "canary-redis");
afterAll(() => {
  rmSync(secrets, { recursive: true });
});

const ENV = {
  APP_ENV: "test",
  DATABASE_HOST: "db",
  DATABASE_NAME: "slipway",
  DATABASE_USER: "slipway_app",
  REDIS_HOST: "cache",
  SECRETS_DIR: secrets,
};

function start(args: string[], env: NodeJS.ProcessEnv = {}, platform: NodeJS.Platform = "linux"): Launch {
  return launch({ args, env: { ...ENV, ...env }, platform, version: "1.2.3" });
}

function config(args: string[], env: NodeJS.ProcessEnv = {}): Record<string, unknown> {
  const launched = start(args, env);
  if (launched.is === "end") throw new Error(launched.text);
  return { ...launched.config, LOG_LEVEL: launched.config.logLevel };
}

/** For each flag values that are allowed, as they are written and as they are read, and the default. */
const VALUES: Record<keyof typeof FLAGS, { fallback: unknown; allowed: [string, unknown][] }> = {
  queues: {
    fallback: ["default"],
    allowed: [
      ["cpu", ["cpu"]],
      ["gpu,maintenance", ["gpu", "maintenance"]],
      ["cpu,cpu", ["cpu"]],
    ],
  },
  "log-level": {
    fallback: "debug",
    allowed: ["trace", "debug", "info", "warn", "error", "fatal"].map((level) => [level, level]),
  },
  pool: {
    fallback: "process",
    allowed: [
      ["process", "process"],
      ["threads", "threads"],
    ],
  },
  concurrency: {
    fallback: 4,
    allowed: [
      ["1", 1],
      ["17", 17],
      ["1000", 1000],
    ],
  },
  processes: {
    fallback: undefined,
    allowed: [
      ["1", 1],
      ["99", 99],
      ["256", 256],
    ],
  },
  "speech-engine": {
    fallback: "espeak-ng",
    allowed: [
      ["espeak-ng", "espeak-ng"],
      ["kokoro", "kokoro"],
    ],
  },
  "kokoro-model-dir": {
    fallback: "/var/lib/slipway/models/kokoro",
    allowed: [
      ["/a", "/a"],
      ["/models/with space", "/models/with space"],
    ],
  },
  "kokoro-device": {
    fallback: "cpu",
    allowed: [
      ["cpu", "cpu"],
      ["cuda", "cuda"],
    ],
  },
  gpu: {
    fallback: "none",
    allowed: [
      ["none", "none"],
      ["nvidia", "nvidia"],
    ],
  },
};
const NAMES = Object.keys(FLAGS) as (keyof typeof FLAGS)[];

/** Nothing, or one of a flag's values. */
const choices = fc.record(
  Object.fromEntries(
    NAMES.map((name) => [name, fc.option(fc.constantFrom(...VALUES[name].allowed), { nil: undefined })]),
  ),
);

describe("precedence", () => {
  it("is defaults, then environment, then command line, for every key and every combination", () => {
    fc.assert(
      fc.property(choices, choices, fc.boolean(), (byEnv, byFlag, apart) => {
        const env = Object.fromEntries(NAMES.map((name) => [FLAGS[name].key, byEnv[name]?.[0]]));
        const args = NAMES.flatMap((name) => {
          const value = byFlag[name]?.[0];
          if (value === undefined) return [];
          return apart ? [`--${name}`, value] : [`--${name}=${value}`];
        });
        const expected = NAMES.map((name) => {
          const given = byFlag[name] ?? byEnv[name];
          return [FLAGS[name].key, given ? given[1] : VALUES[name].fallback];
        });
        const resolved = config(args, env);
        expect(NAMES.map((name) => [FLAGS[name].key, resolved[FLAGS[name].key]])).toEqual(expected);
      }),
      { numRuns: 300 },
    );
  });

  it("lets a good flag stand in for a wrong environment", () => {
    expect(config(["--concurrency=5"], { WORKER_CONCURRENCY: "many" })).toMatchObject({ WORKER_CONCURRENCY: 5 });
  });

  it("follows APP_ENV with the log level where nobody says otherwise", () => {
    expect(config([], { APP_ENV: "prod" })).toMatchObject({ logLevel: "info" });
    expect(config(["--log-level=trace"], { APP_ENV: "prod", LOG_LEVEL: "warn" })).toMatchObject({ logLevel: "trace" });
  });
});

describe("a command line that is not as documented", () => {
  it.each([
    [["--queue=cpu"], "got --queue; allowed: --queues, --log-level"],
    [["--__proto__=x"], "got --__proto__; allowed: --queues"],
    [["-q", "cpu"], "got -q; allowed: --queues"],
    [["start"], 'got the argument "start"; allowed: flags only'],
    [["--pool", "threads", "extra"], 'got the argument "extra"'],
    [["--"], "got --; allowed"],
    [
      ["--queues"],
      "got --queues without a value; allowed: --queues=LIST (of default, cpu, gpu, maintenance, by commas)",
    ],
    [["--queues", "--pool=threads"], "got --queues without a value"],
    [["--queues="], "got --queues without a value"],
    [["--pool=threads", "--pool=process"], "got --pool twice"],
    [["--help=yes"], "got --help=yes; allowed: --help without a value"],
  ])("%j ends with 2", (args, message) => {
    expect(start(args)).toMatchObject({
      is: "end",
      status: 2,
      text: expect.stringContaining(`worker: ${message}`) as string,
    });
  });

  it("names the flag of a value that is not allowed, beside every other fault, and ends with 78", () => {
    const launched = start(["--concurrency=0", "--pool=fibers", "--processes=257"], { DATABASE_PORT: "x" });
    expect(launched).toMatchObject({ is: "end", status: 78 });
    const text = launched.is === "end" ? launched.text : "";
    expect(text).toContain(
      '--concurrency: got "0"; allowed: a whole number, 1 to 1000 (default 4). Correct --concurrency.',
    );
    expect(text).toContain('--pool: got "fibers"; allowed: one of process, threads. Correct --pool.');
    expect(text).toContain('--processes: got "257"; allowed: a whole number, 1 to 256');
    expect(text).toContain('DATABASE_PORT: got "x"');
  });

  it("is not even read on Windows", () => {
    expect(start(["--help"], {}, "win32")).toMatchObject({
      status: 2,
      text: expect.stringContaining("got Windows") as string,
    });
  });
});

describe("what only tells something", () => {
  it("needs no configuration for help and version", () => {
    const bare = { env: {}, platform: "linux", version: "1.2.3" } as const;
    expect(launch({ args: ["--version"], ...bare })).toEqual({ is: "end", status: 0, text: "1.2.3\n" });
    const help = launch({ args: ["--help", "--queues=nowhere"], ...bare });
    expect(help).toMatchObject({ status: 0 });
    for (const { key } of Object.values(FLAGS)) expect(JSON.stringify(help)).toContain(key);
  });

  it("has the version of package.json", () => {
    const text = readFileSync(new URL("../package.json", import.meta.url), "utf8");
    expect(VERSION).toBe((JSON.parse(text) as { version: string }).version);
  });

  it("prints the resolved configuration without any secret", () => {
    const printed = start(["--print-config", "--queues=cpu"], { WORKER_CONCURRENCY: "9" });
    if (printed.is !== "end") throw new Error("it must end");
    expect(JSON.parse(printed.text)).toMatchObject({ WORKER_QUEUES: ["cpu"], WORKER_CONCURRENCY: 9 });
    expect(printed.text).toContain('"database-password":"********"');
    expect(printed.text).not.toContain("canary");
    expect(start([], { ECHO_CONFIG: "true" })).toMatchObject({
      is: "run",
      echo: printed.text
        .replace('["cpu"]', '["default"]')
        .replace('"WORKER_CONCURRENCY":9', '"WORKER_CONCURRENCY":4')
        .replace('"ECHO_CONFIG":"false"', '"ECHO_CONFIG":"true"'),
    });
  });
});
