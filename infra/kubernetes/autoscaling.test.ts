import { describe, expect, it } from "vitest";
import { at, clusterStack, inputsOf, listAt, namesOf, recordCluster, TYPES } from "../../test/pulumi/kubernetes.ts";
import { jobQuery } from "./autoscaling.ts";
import { clusterConnectionUsers, scaleOf } from "./scale.ts";
import { clusterConfig } from "./settings.ts";

const GPU = { gpu: { mode: "on" } };

async function stackWith(kubernetes: object) {
  const stack = await recordCluster(clusterStack(kubernetes, { ...GPU, worker: { replicas: 3 } }), { hasGpu: true });
  const written = namesOf(stack, TYPES.deployment).map((name) => [
    name,
    at(inputsOf(stack, TYPES.deployment, name), "spec", "replicas"),
  ]);
  return { stack, replicas: Object.fromEntries(written) as Record<string, unknown> };
}

describe("spec.replicas", () => {
  it("is written nowhere where KEDA and an HPA decide", async () => {
    const { stack } = await stackWith({ autoscaler: "keda" });
    expect(namesOf(stack, TYPES.deployment)).toEqual(["api", "marker", "worker-cpu", "worker-gpu"]);
    for (const name of ["api", "worker-cpu", "worker-gpu"])
      expect(inputsOf(stack, TYPES.deployment, name)["spec"], name).not.toHaveProperty("replicas");
  });

  it("is written for GPU workers alone where there is no KEDA: their CPU says nothing", async () => {
    const { stack, replicas } = await stackWith({ autoscaler: "hpa" });
    expect(replicas).toEqual({ api: undefined, "worker-cpu": undefined, "worker-gpu": 1, marker: 1 });
    expect(namesOf(stack, TYPES.hpa)).toEqual(["api", "worker-cpu"]);
    expect(namesOf(stack, TYPES.scaledObject)).toEqual([]);
    // An HPA cannot bring the first pod up.
    expect(at(inputsOf(stack, TYPES.hpa, "worker-cpu"), "spec", "minReplicas")).toBe(1);
  });

  it("is written everywhere where nothing else decides", async () => {
    const { stack, replicas } = await stackWith({ autoscaler: "none" });
    expect(replicas).toEqual({ api: 2, "worker-cpu": 3, "worker-gpu": 1, marker: 1 });
    expect([...namesOf(stack, TYPES.hpa), ...namesOf(stack, TYPES.scaledObject)]).toEqual([]);
  });
});

describe("autoscalers", () => {
  it("hold the API at a part of its CPU limit", async () => {
    const { stack } = await stackWith({ api: { minReplicas: 3, maxReplicas: 5 }, cpuTargetPercent: 60 });
    expect(inputsOf(stack, TYPES.hpa, "api")["spec"]).toEqual({
      scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: "api" },
      minReplicas: 3,
      maxReplicas: 5,
      metrics: [
        { type: "Resource", resource: { name: "cpu", target: { type: "AverageValue", averageValue: "600m" } } },
      ],
      behavior: { scaleDown: { stabilizationWindowSeconds: 300 } },
    });
  });

  it("take workers to none by the job table, over TLS, with the worker's own password", async () => {
    const { stack } = await stackWith({ gpuWorkers: { maxReplicas: 2 }, keda: { sslMode: "verify-full" } });
    const secret = at(inputsOf(stack, TYPES.secret, "secrets-worker-gpu"), "metadata", "name");
    expect(inputsOf(stack, TYPES.trigger, "worker-gpu-trigger")["spec"]).toEqual({
      secretTargetRef: [{ parameter: "password", name: secret, key: "database-password" }],
    });
    expect(inputsOf(stack, TYPES.scaledObject, "worker-gpu-scale")["spec"]).toEqual({
      scaleTargetRef: { name: "worker-gpu" },
      minReplicaCount: 0,
      maxReplicaCount: 2,
      pollingInterval: 10,
      cooldownPeriod: 300,
      fallback: { failureThreshold: 3, replicas: 1, behavior: "currentReplicasIfHigher" },
      advanced: {
        horizontalPodAutoscalerConfig: { behavior: { scaleDown: { stabilizationWindowSeconds: 300 } } },
      },
      triggers: [
        {
          type: "postgresql",
          metadata: {
            host: "postgres.slipway-unit.svc.cluster.local",
            port: "5432",
            dbName: "slipway",
            userName: "slipway_app",
            sslmode: "verify-full",
            query: jobQuery(["gpu"]),
            targetQueryValue: "1",
          },
          authenticationRef: { name: "worker-gpu" },
        },
      ],
    });
    const many = await stackWith({ workers: { minReplicas: 2 } });
    expect(at(inputsOf(many.stack, TYPES.scaledObject, "worker-cpu-scale"), "spec", "fallback", "replicas")).toBe(2);
    const [trigger] = listAt(inputsOf(stack, TYPES.scaledObject, "worker-cpu-scale"), "spec", "triggers");
    expect(at(trigger, "metadata")).toMatchObject({
      targetQueryValue: "4",
      query: jobQuery(["default", "cpu", "maintenance"]),
    });
  });

  it("ask for what is due or runs, in the worker's queues alone, schedules included", () => {
    expect(jobQuery(["default", "cpu"])).toBe(
      "SELECT (SELECT count(*) FROM jobs WHERE state IN ('queued', 'retrying') AND run_at <= now() AND queue IN ('default', 'cpu')) " +
        "+ (SELECT count(*) FROM jobs WHERE state = 'active' AND queue IN ('default', 'cpu')) " +
        "+ (SELECT count(*) FROM schedules WHERE NOT paused AND next_at <= now() AND queue IN ('default', 'cpu'))",
    );
  });
});

describe("the connection budget", () => {
  const users = (kubernetes: object) =>
    clusterConnectionUsers(clusterConfig(clusterStack(kubernetes, GPU), true), true);

  it("counts with as many pods as autoscalers may start, and names their keys", () => {
    expect(users({ workers: { maxReplicas: 7 } }).map(({ name, replicas, keys }) => [name, replicas, ...keys])).toEqual(
      [
        ["api", 4, "kubernetes.api.maxReplicas"],
        ["worker-cpu", 7, "kubernetes.workers.maxReplicas"],
        ["worker-gpu", 1, "kubernetes.gpuWorkers.maxReplicas"],
        ["marker", 1, "kubernetes.busyWorkers.marked"],
        ["keda", 2, "kubernetes.autoscaler"],
        ["drill", 1],
      ],
    );
  });

  it("counts with the stack's own number where nobody else decides", () => {
    expect(users({ autoscaler: "none" }).map(({ name, replicas }) => [name, replicas])).toEqual([
      ["api", 2],
      ["worker-cpu", 1],
      ["worker-gpu", 1],
      ["marker", 1],
      ["drill", 1],
    ]);
  });

  it("has nobody decide about a program that is not one of these", () => {
    expect(scaleOf("migrate", 1, clusterConfig(clusterStack(), true))).toEqual({ owner: "stack", replicas: 1 });
  });
});
