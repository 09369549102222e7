import { describe, expect, it } from "vitest";
import { LEAST } from "../test/pulumi/aws.ts";
import { bringsKeda } from "./keda-faults.ts";
import { parseStackConfig, StackConfigError } from "./stack.ts";

const DIGEST = `@sha256:${"a".repeat(64)}`;
const named = (...names: readonly string[]) =>
  Object.fromEntries(names.map((name) => [name, `r.example/${name}${DIGEST}`]));
const OWN = named("api", "worker", "postgres", "redis", "backup");
const KEDA = named("kedaOperator", "kedaMetricsServer");
const AWS = { ...LEAST, data: { ...LEAST.data, database: { caBundle: "rds.pem" } } };

/** A stack's file with that much below `kubernetes`, and whatever stands beside it. */
function parse(platform: "aws" | "kubernetes", kubernetes: object, more: object = {}) {
  const aws = platform === "aws" ? { aws: AWS } : {};
  const values = Object.entries({ platform, environment: "dev", kubernetes, ...aws, ...more }).map(([key, value]) => [
    key,
    typeof value === "string" ? value : JSON.stringify(value),
  ]);
  return parseStackConfig("unit", {
    values: Object.fromEntries(values) as Record<string, string>,
    isSecret: () => false,
  });
}

function faults(...args: Parameters<typeof parse>): string[] {
  try {
    parse(...args);
  } catch (error) {
    if (error instanceof StackConfigError) return error.message.split("\n").filter((line) => line.startsWith("  - "));
    throw error;
  }
  return [];
}

describe("a stack that brings KEDA", () => {
  it("is one on AWS, unless it says otherwise, and any other that says so", () => {
    const brings = (...args: Parameters<typeof parse>) => bringsKeda(parse(...args));
    expect(brings("aws", { images: KEDA })).toBe(true);
    expect(brings("aws", { images: KEDA, autoscaler: "keda" })).toBe(true);
    for (const other of [{ autoscaler: "hpa" }, { autoscaler: "none" }, { keda: { install: false } }])
      expect(brings("aws", other)).toBe(false);
    expect(brings("kubernetes", { images: OWN })).toBe(false);
    expect(brings("kubernetes", { images: { ...OWN, ...KEDA }, keda: { install: true } })).toBe(true);
  });

  it.each([
    ["aws", {}],
    ["kubernetes", { images: OWN, keda: { install: true } }],
  ] as const)("is refused on %s without KEDA's images, with both keys and the way without", (platform, kubernetes) => {
    expect(faults(platform, kubernetes)).toEqual(
      Object.keys(KEDA).map(
        (key) =>
          `  - slipway:kubernetes.images.${key} is missing: must name KEDA's image where the stack brings KEDA; ` +
          "without KEDA, set kubernetes.autoscaler: hpa.",
      ),
    );
  });

  it("is refused where nobody would use it, or nobody would bring what is wanted", () => {
    const kubernetes = { images: { ...OWN, ...KEDA }, keda: { install: true }, autoscaler: "hpa" };
    expect(faults("kubernetes", kubernetes)).toEqual([
      "  - slipway:kubernetes.keda.install is true: must be left out where autoscaler is hpa: KEDA would do nothing.",
    ]);
    expect(faults("aws", { autoscaler: "keda", keda: { install: false } })[0]).toMatch(
      /kubernetes\.keda\.install is false: must be left out where platform is aws .*set kubernetes\.autoscaler: hpa/,
    );
  });
});

describe("keys that AWS does not read", () => {
  it.each([
    ["api", { replicas: 4 }, "api.replicas is 4", "aws.overrides.api.replicas"],
    ["worker", { replicas: 30 }, "worker.replicas is 30", "aws.overrides.worker.replicas"],
    ["worker", { concurrency: 2 }, "worker.concurrency is 2", "aws.overrides.worker.concurrency"],
    ["edge", { port: 9000 }, 'edge is {"port":9000}', "aws.data.edge"],
    ["postgres", { memoryMiB: 900 }, 'postgres is {"memoryMiB":900}', "aws.overrides.database"],
  ])("%s: %j is refused, with the key that it reads", (key, value, got, instead) => {
    const said = faults("aws", { images: KEDA }, { [key]: value });
    expect(said.join("\n")).toContain(`slipway:${got}: must be left out where platform is aws`);
    expect(said.join("\n")).toContain(instead);
  });

  it.each([
    [{ workers: { maxReplicas: 9 } }, "kubernetes.workers.maxReplicas is 9", "aws.overrides.worker.maxReplicas"],
    [{ gpuWorkers: { maxReplicas: 9 } }, "kubernetes.gpuWorkers.maxReplicas is 9", "aws.overrides.gpu.maxReplicas"],
    [{ api: { minReplicas: 3 } }, "kubernetes.api.minReplicas is 3", "aws.overrides.api.replicas"],
    [{ api: { maxReplicas: 3 } }, "kubernetes.api.maxReplicas is 3", "aws.overrides.api.maxReplicas"],
    [{ postgres: { maxConnections: 90 } }, "maxConnections is 90", "aws.overrides.database.maxConnections"],
  ])("kubernetes: %j is refused, with the key that it reads", (kubernetes, got, instead) => {
    const said = faults("aws", { images: KEDA, ...kubernetes });
    expect(said).toHaveLength(1);
    expect(said[0]).toContain(got);
    expect(said[0]).toContain(instead);
  });

  it("leave what it reads, and the same keys elsewhere, alone", () => {
    const read = { cpuTargetPercent: 60, workers: { minReplicas: 2 }, gpuWorkers: { minReplicas: 1 } };
    const images = { ...KEDA, ...named("devicePlugin", "dcgmExporter") };
    expect(faults("aws", { images, ...read }, { api: { rateLimitBurst: 10 }, worker: { pool: "threads" } })).toEqual(
      [],
    );
    const kubernetes = { images: OWN, workers: { maxReplicas: 9 }, postgres: { maxConnections: 300 } };
    expect(faults("kubernetes", kubernetes, { worker: { replicas: 2 } })).toEqual([]);
  });
});
