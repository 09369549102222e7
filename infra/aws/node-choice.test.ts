import { describe, expect, it } from "vitest";
import { at } from "../../test/pulumi/kubernetes.ts";
import { GPU_DAEMONS } from "../kubernetes/surroundings.ts";
import type { GpuSharing } from "../plan/node-pool-config.ts";
import type { PoolPlan } from "../plan/node-pools.ts";
import { gpuDivisions, nodeChoice } from "./node-choice.ts";

const CPU: PoolPlan = {
  ...{ name: "cpu", instanceTypes: [], capacity: "on-demand", min: 0, max: 1, labels: {}, taints: [], tags: {} },
  ...{ diskGiB: 120, diskEncrypted: true, ami: "AL2023_x86_64_STANDARD", zones: [] },
};
const CPU_SPOT: PoolPlan = { ...CPU, name: "cpu-spot", capacity: "spot" };
const GPU = { name: "worker-gpu" };
const SELECTOR = "slipway/gpu-shape";

function pool(shape: "l4" | "h100x8", capacity: PoolPlan["capacity"] = "on-demand"): PoolPlan {
  const gpu = { shape, count: 1, sharing: { mode: "none" }, schedulable: 1 } as const;
  return { ...CPU, name: `gpu-${shape}`, capacity, ami: "AL2023_x86_64_NVIDIA", gpu };
}

const weightOf = (choice: object) =>
  at(choice, "affinity", "nodeAffinity", "preferredDuringSchedulingIgnoredDuringExecution", 0, "weight");

describe("a GPU worker", () => {
  it("runs on the only shape there is, whatever its capacity", () => {
    expect(nodeChoice(GPU, [CPU, CPU_SPOT, pool("l4")])).toEqual({ nodeSelector: { [SELECTOR]: "l4" } });
    const both = nodeChoice(GPU, [CPU, pool("l4"), pool("l4", "spot")]);
    expect(both.nodeSelector).toEqual({ [SELECTOR]: "l4" });
    expect(weightOf(both)).toBe(100);
    expect(both.tolerations).toEqual([
      { key: "slipway/capacity", operator: "Equal", value: "spot", effect: "NoSchedule" },
    ]);
  });

  it("runs on the shape that is named; spot nodes of another are none of its own", () => {
    const pools = [CPU, pool("h100x8", "spot"), pool("l4")];
    expect(nodeChoice({ ...GPU, gpuShape: "l4" }, pools)).toEqual({ nodeSelector: { [SELECTOR]: "l4" } });
    const dear = nodeChoice({ ...GPU, gpuShape: "h100x8" }, pools);
    expect(dear.nodeSelector).toEqual({ [SELECTOR]: "h100x8" });
    expect(weightOf(dear)).toBe(100);
  });

  it("is refused where several shapes are there and none is named", () => {
    expect(() => nodeChoice(GPU, [CPU, pool("h100x8"), pool("l4")])).toThrow(
      "slipway:kubernetes.gpu.shape is missing; allowed are h100x8, l4.",
    );
  });
});

describe("others", () => {
  it("are NVIDIA's daemons, on nodes of every shape, by a label that nodes of EKS have", () => {
    expect(nodeChoice({ name: GPU_DAEMONS }, [CPU, pool("h100x8"), pool("l4")])).toEqual({
      affinity: {
        nodeAffinity: {
          requiredDuringSchedulingIgnoredDuringExecution: {
            nodeSelectorTerms: [{ matchExpressions: [{ key: SELECTOR, operator: "Exists" }] }],
          },
        },
      },
    });
  });

  it("run anywhere, but for workers where there are spot nodes", () => {
    const pools = [CPU, CPU_SPOT, pool("h100x8"), pool("l4")];
    expect(nodeChoice({ name: "api" }, pools)).toEqual({});
    expect(weightOf(nodeChoice({ name: "worker-cpu" }, pools))).toBe(100);
    expect(nodeChoice({ name: "worker-cpu" }, [CPU, pool("l4", "spot")])).toEqual({});
    expect(nodeChoice({ name: "worker-cpu" }, pools)).not.toHaveProperty("nodeSelector");
  });
});

describe("GPUs of several pools", () => {
  const shared = (name: string, sharing: GpuSharing, label?: string): PoolPlan => {
    const labels = label === undefined ? {} : { "nvidia.com/device-plugin.config": label };
    return { ...CPU, name, labels, gpu: { shape: "l4", count: 1, sharing, schedulable: 1 } };
  };
  const nodesOf = (expression: object) => ({
    affinity: {
      nodeAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: {
          nodeSelectorTerms: [{ matchExpressions: [{ key: SELECTOR, operator: "Exists" }, expression] }],
        },
      },
    },
  });
  const key = "nvidia.com/device-plugin.config";
  const FOUR = { mode: "time-slicing", replicas: 4 } as const;

  it("are served by one device plugin for each way of sharing, by the label of their nodes", () => {
    const whole = shared("gpu-a", { mode: "none" });
    const pools = [CPU, whole, shared("gpu-b", FOUR, "time-slicing-4"), { ...whole, name: "gpu-c" }];
    expect(gpuDivisions(pools)).toEqual([
      { name: "", sharing: { mode: "none" }, nodes: nodesOf({ key, operator: "DoesNotExist" }) },
      { name: "time-slicing-4", sharing: FOUR, nodes: nodesOf({ key, operator: "In", values: ["time-slicing-4"] }) },
    ]);
    expect(gpuDivisions([CPU])).toEqual([]);
  });

  it("are left to who divides them in hardware", () => {
    expect(gpuDivisions([shared("gpu-a", { mode: "mig", profile: "1g.10gb" })])).toEqual([]);
  });
});
