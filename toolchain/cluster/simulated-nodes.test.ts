import { expect, it } from "vitest";
import { planNodePools, type PoolPlan } from "../../infra/plan/node-pools.ts";
import { simulatedNode, SIMULATED_LABEL } from "./simulated-nodes.ts";

const CPU = { instanceTypes: ["m7i.large"], min: 2, max: 3, diskGiB: 50 };
const ZONES = ["us-east-1a", "us-east-1b"];

function pool(name: string): PoolPlan {
  const config = { zones: ZONES, system: { ...CPU, dedicated: false }, cpu: CPU, gpu: [{ shape: "a100x8", max: 1 }] };
  const pools = planNodePools("test", config, new Map(["m7i.large", "p4d.24xlarge"].map((type) => [type, ZONES])));
  const found = pools.find((one) => one.name === name);
  if (found === undefined) throw new Error(`no ${name} among ${pools.map((one) => one.name).join(", ")}`);
  return found;
}

it("has the labels, taints and GPUs of its pool, and a taint that keeps real pods off", () => {
  const plan = pool("gpu-a100x8");
  const { metadata, spec, status } = simulatedNode({ pool: plan, nodes: 1 }, 0);
  expect(metadata.name).toBe("simulated-gpu-a100x8-1");
  expect(metadata.labels).toMatchObject({ ...plan.labels, "node.kubernetes.io/instance-type": "p4d.24xlarge" });
  expect(spec.taints).toEqual([...plan.taints, { key: SIMULATED_LABEL, value: "true", effect: "NoSchedule" }]);
  const resources = { cpu: "96", memory: "1152Gi", "ephemeral-storage": "120Gi", pods: "110", "nvidia.com/gpu": "8" };
  expect(status).toEqual({ capacity: resources, allocatable: resources });
});

it("has no GPU where its pool has none, and the size that is asked for", () => {
  const { status } = simulatedNode({ pool: pool("cpu"), nodes: 1, size: { cpus: 2, memoryGiB: 8 } }, 0);
  expect(status.capacity).toEqual({ cpu: "2", memory: "8Gi", "ephemeral-storage": "50Gi", pods: "110" });
});

it("stands in the zones of its pool in turn", () => {
  const zones = [0, 1, 2].map((index) => {
    const { labels } = simulatedNode({ pool: pool("cpu"), nodes: 3 }, index).metadata;
    return (labels as Record<string, string>)["topology.kubernetes.io/zone"];
  });
  expect(zones).toEqual(["us-east-1a", "us-east-1b", "us-east-1a"]);
});
