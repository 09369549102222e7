import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import {
  at,
  clusterStack,
  inputsOf,
  recordCluster,
  TYPES,
  type RecordedCluster,
} from "../../test/pulumi/kubernetes.ts";
import { planQuota } from "./quota.ts";
import { GREEN_LABELS } from "./traffic.ts";

let stack: RecordedCluster;
beforeAll(async () => {
  stack = await recordCluster(clusterStack({ autoscaler: "none" }));
});

/** What a resource waits for, as `Kind name`. */
function waitsFor(type: string, name: string, of = stack): string[] {
  const found = of.resources.find((resource) => resource.type === type && resource.name === name);
  return (found?.dependencies ?? []).map((urn) => {
    const [kind = "", logical = ""] = urn.split("::").slice(-2);
    return `${kind.split(":").at(-1) ?? ""} ${logical}`;
  });
}

const nameOf = (of: RecordedCluster, type: string, name: string) =>
  String(at(inputsOf(of, type, name), "metadata", "name"));

describe("a release", () => {
  it("goes from the data services over the migration to the programs, and only then to their addresses", () => {
    expect(waitsFor(TYPES.job, "migrate")).toEqual(expect.arrayContaining(["Service postgres", "Service redis"]));
    for (const name of ["postgres", "redis"]) expect(waitsFor(TYPES.service, name)).toContain(`StatefulSet ${name}`);
    for (const name of ["api", "worker-cpu", "marker"])
      expect(waitsFor(TYPES.deployment, name)).toContain("Job migrate");
    expect(waitsFor(TYPES.service, "api")).toContain("Deployment api");
  });

  it("sends the API's requests to pods of its own Deployment alone, which green ones beside are not, and data's to all of a name", () => {
    const selector = (name: string) => at(inputsOf(stack, TYPES.service, name), "spec", "selector");
    const own = { "app.kubernetes.io/name": "api", "app.kubernetes.io/part-of": "slipway" };
    expect(selector("api")).toEqual(own);
    expect(selector("postgres")).toEqual({ "app.kubernetes.io/name": "postgres" });
    expect(at(inputsOf(stack, TYPES.deployment, "api"), "spec", "template", "metadata", "labels")).toMatchObject(own);
    expect(own).not.toMatchObject(GREEN_LABELS);
  });

  it("tries a migration once, and does not let the cluster clear it away", () => {
    expect(inputsOf(stack, TYPES.job, "migrate")).toMatchObject({
      metadata: { annotations: { "pulumi.com/replaceUnready": "true" } },
      spec: { backoffLimit: 0, activeDeadlineSeconds: 3600, template: { spec: { restartPolicy: "Never" } } },
    });
    expect(inputsOf(stack, TYPES.job, "migrate")["spec"]).not.toHaveProperty("ttlSecondsAfterFinished");
  });

  it("runs another migration where image or settings are others, and the same one never again", async () => {
    const image = (digit: string) => `registry.example/api@sha256:${digit.repeat(64)}`;
    const images = { worker: image("9"), postgres: image("9"), redis: image("9"), backup: image("9") };
    const name = async (kubernetes: object, more: object = {}) =>
      nameOf(await recordCluster(clusterStack({ autoscaler: "none", ...kubernetes }, more)), TYPES.job, "migrate");
    const first = await name({ images: { ...images, api: image("1") } });
    expect(await name({ images: { ...images, api: image("1") } })).toBe(first);
    // Not a setting of the migration.
    expect(await name({ images: { ...images, api: image("1") } }, { api: { replicas: 3 } })).toBe(first);
    expect(await name({ images: { ...images, api: image("2") } })).not.toBe(first);
    expect(await name({ images: { ...images, api: image("1") } }, { environment: "test" })).not.toBe(first);
    expect(first).toMatch(/^migrate-[0-9a-f]{10}$/);
  });

  it("rolls the pods when a setting changes, by another ConfigMap, and names what serves anew", async () => {
    const other = await recordCluster(clusterStack({ autoscaler: "none" }, { api: { queueMaxPending: 7 } }));
    const settings = (of: RecordedCluster) =>
      at(inputsOf(of, TYPES.deployment, "api"), "spec", "template", "spec", "containers", 0, "envFrom");
    expect(settings(stack)).toEqual([{ configMapRef: { name: nameOf(stack, TYPES.configMap, "api") } }]);
    expect(settings(other)).not.toEqual(settings(stack));
    expect(other.serving["api"]).not.toBe(stack.serving["api"]);
    expect(other.serving["worker-cpu"]).toBe(stack.serving["worker-cpu"]);
  });

  it("brings new pods up beside the old, and has failed after as long as the stack says", async () => {
    const slow = await recordCluster(clusterStack({}, { healthTimeoutSeconds: 240 }));
    expect(inputsOf(slow, TYPES.deployment, "api")["spec"]).toMatchObject({
      strategy: { type: "RollingUpdate", rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } },
      progressDeadlineSeconds: 240,
    });
  });

  it("waits for GPU workers as long as a node with GPUs takes to start besides, and for nobody else", async () => {
    const deadlines = async (gpu: object) => {
      const file = clusterStack({ gpu }, { gpu: { mode: "on" }, healthTimeoutSeconds: 100 });
      const made = await recordCluster(file, { hasGpu: true });
      return ["worker-gpu", "worker-cpu", "api"].map((name) =>
        at(inputsOf(made, TYPES.deployment, name), "spec", "progressDeadlineSeconds"),
      );
    };
    expect(await deadlines({ nodeStartSeconds: 700 })).toEqual([800, 100, 100]);
    expect(await deadlines({})).toEqual([100, 100, 100]);
  });

  it("is given up by the cluster, which says why, before Pulumi gives up", async () => {
    const file = clusterStack({ gpu: { nodeStartSeconds: 900 } }, { gpu: { mode: "on" }, drainSeconds: 120 });
    const { resources } = await recordCluster(file, { hasGpu: true });
    const timeouts = (name: string) =>
      resources.find((one) => one.type === TYPES.deployment && one.name === name)?.timeouts;
    expect(timeouts("worker-gpu")).toEqual({ create: "1115s", update: "1115s" });
    expect(timeouts("api")).toEqual({ create: "600s", update: "600s" });
  });

  it("has data before requests before jobs where nodes are full, and jobs take nobody's place", () => {
    const value = (name: string) => Number(inputsOf(stack, TYPES.priority, `priority-${name}`)["value"]);
    expect(value("data")).toBeGreaterThan(value("api"));
    expect(value("api")).toBeGreaterThan(value("worker"));
    expect(inputsOf(stack, TYPES.priority, "priority-worker")["preemptionPolicy"]).toBe("Never");
    const classOf = (type: string, name: string) =>
      at(inputsOf(stack, type, name), "spec", "template", "spec", "priorityClassName");
    expect(classOf(TYPES.deployment, "api")).toBe("slipway-unit-api");
    expect(classOf(TYPES.deployment, "worker-cpu")).toBe("slipway-unit-worker");
    expect(classOf(TYPES.statefulSet, "redis")).toBe("slipway-unit-data");
  });
});

describe("around the rollout of a Deployment", () => {
  afterEach(() => vi.unstubAllEnvs());

  async function hooks(plan: string) {
    vi.stubEnv("SLIPWAY_CANARY", plan);
    const { resources } = await recordCluster(clusterStack({ autoscaler: "none" }), { reaches: true });
    const of = (name: string) =>
      resources.find((one) => one.type === TYPES.deployment && one.name === name)?.aroundUpdate;
    return { api: of("api"), worker: of("worker-cpu"), marker: of("marker") };
  }
  const none = { before: [], after: [] };

  it("what a deploy left that failed is ended behind the API's, always", async () => {
    const api = { before: [], after: ["api-rolled-out"] };
    expect(await hooks("")).toEqual({ api, worker: none, marker: none });
  });

  it.each(["10,50", "blue-green"])("%s is tried before it, by the API and by workers", async (plan) => {
    expect(await hooks(plan)).toEqual({
      api: { before: ["api-canary"], after: ["api-rolled-out"] },
      worker: { before: ["worker-cpu-canary"], after: [] },
      marker: none,
    });
  });

  it("nothing is tried of a cluster that the program does not reach", async () => {
    vi.stubEnv("SLIPWAY_CANARY", "blue-green");
    await expect(recordCluster(clusterStack({ autoscaler: "none" }))).rejects.toThrow("SLIPWAY_CANARY is set");
  });
});

describe("the quota", () => {
  it("has room for a release of everything, and for nothing else", () => {
    const hard = at(inputsOf(stack, TYPES.quota, "quota"), "spec", "hard");
    // API 5 of 384 MiB, worker 3 of 512, marker 3 of 128, migration 256, Postgres 768, Redis 320; agent, drill and restore of 768, disk 64.
    expect(hard).toEqual({
      pods: "18",
      "requests.memory": `${5 * 384 + 3 * 512 + 3 * 128 + 256 + 768 + 320 + 3 * 768 + 64}Mi`,
      "limits.memory": `${5 * 384 + 3 * 512 + 3 * 128 + 256 + 768 + 320 + 3 * 768 + 64}Mi`,
      "requests.cpu": "14850m",
      "limits.cpu": "14850m",
      "requests.nvidia.com/gpu": "0",
      "services.loadbalancers": "0",
      "services.nodeports": "0",
    });
  });

  it("does not refuse a container that asks for nothing: it is given little", () => {
    expect(inputsOf(stack, TYPES.limitRange, "defaults")["spec"]).toEqual({
      limits: [
        {
          type: "Container",
          default: { memory: "128Mi", cpu: "100m" },
          defaultRequest: { memory: "128Mi", cpu: "100m" },
        },
      ],
    });
  });

  it("counts GPUs, which no release takes twice, and as many pods as an autoscaler may start", () => {
    const limits = { memoryMiB: 100, cpus: 0.5 };
    const rows = [
      { limits, pods: 3, beside: true, gpu: false },
      { limits, pods: 2, beside: false, gpu: true },
    ];
    expect(planQuota(rows)).toEqual({ pods: 9, memoryMiB: 900, cpus: 4.5, gpus: 2, nodePorts: 0 });
  });
});
