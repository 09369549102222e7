import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { stackSchema, type StackConfig } from "../../configs/stack.ts";
import { LEAST } from "../../test/pulumi/aws.ts";
import { imageOf } from "../../test/pulumi/kubernetes.ts";
import { clusterConnectionUsers } from "../kubernetes/scale.ts";
import { ConnectionBudgetError, planConnections } from "../plan/connection-budget.ts";
import { resolveSize, SIZE_NAMES, type SizeOverrides } from "../plan/sizes.ts";
import { awsClusterConfig } from "./cluster-config.ts";

const IMAGES = Object.fromEntries(
  ["devicePlugin", "dcgmExporter", "kedaOperator", "kedaMetricsServer"].map((name) => [name, imageOf(name)]),
);

/** A stack's file with GPUs, but for what a test says. */
function file(kubernetes: object = {}, aws: object = {}): StackConfig {
  return stackSchema.parse({
    ...{ platform: "aws", environment: "dev", kubernetes: { images: IMAGES, ...kubernetes } },
    aws: {
      ...LEAST,
      data: { ...LEAST.data, database: { caBundle: "rds.pem" } },
      pools: { gpu: [{ shape: "l4", max: 2 }] },
      ...aws,
    },
  });
}

const resolved = (stack: StackConfig, overrides: SizeOverrides = {}, name = "small") =>
  awsClusterConfig("prod", stack, resolveSize("prod", name, overrides));

describe("the platform in the cluster on AWS", () => {
  it("has the size's numbers, and the stack's own KEDA, which checks the database's certificate", () => {
    const { api, worker, kubernetes } = resolved(file());
    expect([api.replicas, worker.replicas, worker.concurrency]).toEqual([2, 1, 4]);
    expect(kubernetes).toMatchObject({
      api: { minReplicas: 2, maxReplicas: 4 },
      workers: { minReplicas: 0, maxReplicas: 8 },
      gpuWorkers: { minReplicas: 0, maxReplicas: 2 },
      autoscaler: "keda",
      keda: { install: true, sslMode: "verify-full" },
    });
  });

  it("goes by CPU where the stack's file wants no KEDA", () => {
    for (const said of [{ autoscaler: "hpa" }, { keda: { install: false } }])
      expect(resolved(file(said)).kubernetes).toMatchObject({ autoscaler: "hpa", keda: { install: false } });
  });
});

describe("its connections", () => {
  const rows = (stack: StackConfig) =>
    clusterConnectionUsers(resolved(stack), true).map(({ name, replicas, keys }) => [name, replicas, ...keys]);

  it("are those of everybody who opens one, with the keys that AWS reads", () => {
    expect(rows(file())).toEqual([
      ["api", 4, "aws.overrides.api.maxReplicas"],
      ["worker-cpu", 8, "aws.overrides.worker.maxReplicas"],
      ["worker-gpu", 2, "aws.overrides.gpu.maxReplicas"],
      ["marker", 1, "kubernetes.busyWorkers.marked"],
      ["keda", 2, "kubernetes.autoscaler"],
      ["prepare", 1],
    ]);
    expect(rows(file({ autoscaler: "none" }))).toEqual([
      ["api", 2, "aws.overrides.api.replicas"],
      ["worker-cpu", 1, "aws.overrides.worker.replicas"],
      ["worker-gpu", 1, "gpu.mode"],
      ["marker", 1, "kubernetes.busyWorkers.marked"],
      ["prepare", 1],
    ]);
  });

  it.each(SIZE_NAMES)("fit the database of size %s", (name) => {
    const { database } = resolveSize("prod", name);
    const { needed, available } = planConnections(
      clusterConnectionUsers(resolved(file(), {}, name), true),
      database.maxConnections,
    );
    expect(needed).toBeLessThanOrEqual(available);
  });

  it("stop the preview where they do not, with the number and the key", () => {
    const refused = () => resolved(file(), { worker: { maxReplicas: 20 } });
    expect(refused).toThrow(ConnectionBudgetError);
    expect(refused).toThrow(/allowed are 380[^]*worker-cpu: 320 .*lower slipway:aws\.overrides\.worker\.maxReplicas/);
    expect(() => resolved(file(), { database: { maxConnections: 100 } })).toThrow(ConnectionBudgetError);
  });

  it("are never more than there are, whatever the file says", () => {
    const numbers = fc.record({ api: fc.integer({ min: 6, max: 1000 }), worker: fc.integer({ min: 6, max: 1000 }) });
    fc.assert(
      fc.property(fc.constantFrom(...SIZE_NAMES), numbers, (name, { api, worker }) => {
        const overrides = { api: { maxReplicas: api }, worker: { maxReplicas: worker } };
        const { maxConnections } = resolveSize("prod", name, overrides).database;
        // Twice in a release; GPU workers, marker, KEDA, steps and people come on top.
        const least = 2 * 8 * (api + worker);
        if (least > maxConnections) expect(() => resolved(file(), overrides, name)).toThrow(ConnectionBudgetError);
        else if (least < maxConnections - 300) expect(() => resolved(file(), overrides, name)).not.toThrow();
      }),
    );
  });
});
