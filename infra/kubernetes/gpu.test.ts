import { beforeAll, describe, expect, it } from "vitest";
import {
  at,
  clusterStack,
  inputsOf,
  listAt,
  namesOf,
  podsOf,
  recordCluster,
  TYPES,
  type RecordedCluster,
} from "../../test/pulumi/kubernetes.ts";
import { pluginConfig } from "./gpu.ts";

const ON = { gpu: { mode: "on" } };
const TOLERATION = { key: "nvidia.com/gpu", operator: "Exists", effect: "NoSchedule" };

let stack: RecordedCluster;
beforeAll(async () => {
  stack = await recordCluster(clusterStack({ gpu: { nodeSelector: { pool: "l4" } } }, ON), { hasGpu: true });
});

describe("GPUs", () => {
  it("are for GPU workers and NVIDIA's own pods: nobody else tolerates their nodes, and all of these look for them", () => {
    const tolerant = [...podsOf(stack)].filter(([, spec]) => listAt(spec, "tolerations").length > 0);
    expect(tolerant.map(([name]) => name).sort()).toEqual([
      ...["DaemonSet dcgm-exporter", "DaemonSet device-plugin", "Deployment worker-gpu"],
    ]);
    for (const [name, spec] of tolerant)
      expect(spec, name).toMatchObject({ tolerations: [TOLERATION], nodeSelector: { pool: "l4" } });
    const asking = [...podsOf(stack)].filter(
      ([, spec]) => at(spec, "containers", 0, "resources", "limits", "nvidia.com/gpu") !== undefined,
    );
    expect(asking.map(([name]) => name)).toEqual(["Deployment worker-gpu"]);
  });

  it("are one worker's at a time: the new one waits until the old one has given it back", () => {
    const worker = inputsOf(stack, TYPES.deployment, "worker-gpu");
    expect(at(worker, "spec", "strategy")).toEqual({ type: "Recreate" });
    expect(at(worker, "spec", "template", "spec", "containers", 0, "resources")).toEqual({
      requests: { memory: "4Gi", cpu: "1", "nvidia.com/gpu": "1" },
      limits: { memory: "4Gi", cpu: "2", "nvidia.com/gpu": "1" },
    });
  });

  it.each([{ mode: "mig" }, { mode: "time-slicing", replicas: 4 }])(
    "are given back one share at a time where they are shared: %j",
    async (sharing) => {
      const shared = await recordCluster(clusterStack({ gpu: { sharing } }, ON), { hasGpu: true });
      expect(at(inputsOf(shared, TYPES.deployment, "worker-gpu"), "spec", "strategy")).toEqual({
        type: "RollingUpdate",
        rollingUpdate: { maxUnavailable: 1, maxSurge: 0 },
      });
    },
  );

  it("are found by NVIDIA's daemons, in a namespace without anything of ours", () => {
    for (const name of ["device-plugin", "dcgm-exporter"])
      expect(at(inputsOf(stack, TYPES.daemonSet, name), "metadata", "namespace")).toBe("slipway-unit-gpu");
    const there = stack.resources.filter(({ inputs }) => at(inputs, "metadata", "namespace") === "slipway-unit-gpu");
    expect(there.map(({ name }) => name).sort()).toEqual([
      ...["dcgm-exporter", "device-plugin", "device-plugin", "scrapers-to-dcgm-exporter"],
    ]);
  });

  it("are reached by the runtime that the stack names, and slices by more rights of the device plugin", async () => {
    const gpu = { runtimeClass: "nvidia", sharing: { mode: "mig" } };
    const slices = await recordCluster(clusterStack({ gpu }, ON), { hasGpu: true });
    const runtimes = [...podsOf(slices)].map(([name, spec]) => [name, spec["runtimeClassName"]]);
    expect(runtimes.filter(([, runtime]) => runtime === "nvidia").map(([name]) => name)).toEqual(
      runtimes.map(([name]) => name).filter((name) => /DaemonSet|worker-gpu/.test(String(name))),
    );
    const rights = (of: RecordedCluster) =>
      at(podsOf(of).get("DaemonSet device-plugin"), "containers", 0, "securityContext", "capabilities");
    expect(rights(slices)).toEqual({ drop: ["ALL"], add: ["SYS_ADMIN"] });
    expect(rights(stack)).toEqual({ drop: ["ALL"] });
  });

  it("need none of our daemons where the cluster's operator brings its own", async () => {
    const own = await recordCluster(clusterStack({ gpu: { daemons: false } }, ON), { hasGpu: true });
    expect(namesOf(own, TYPES.daemonSet)).toEqual([]);
    expect(namesOf(own, TYPES.namespace)).toEqual(["namespace"]);
    expect(namesOf(own, TYPES.deployment)).toContain("worker-gpu");
  });

  it.each([
    [{ mode: "none" } as const, { version: "v1", flags: { migStrategy: "none" } }],
    [{ mode: "mig" } as const, { version: "v1", flags: { migStrategy: "single" } }],
    [
      { mode: "time-slicing", replicas: 4 } as const,
      {
        version: "v1",
        flags: { migStrategy: "none" },
        sharing: { timeSlicing: { resources: [{ name: "nvidia.com/gpu", replicas: 4 }] } },
      },
    ],
  ])("are shared as the stack says: %j", (sharing, config) => {
    expect(JSON.parse(pluginConfig(sharing))).toEqual(config);
  });
});
