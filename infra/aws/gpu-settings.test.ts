import { describe, expect, it } from "vitest";
import { kubernetesSchema } from "../../configs/kubernetes-settings.ts";
import { awsSettings } from "../../test/pulumi/aws.ts";
import { awsGpu } from "./gpu-settings.ts";

const FOUR = { mode: "time-slicing", replicas: 4 } as const;

function told(pools: readonly object[], gpu: object = {}) {
  return awsGpu(kubernetesSchema.parse({ gpu }).gpu, awsSettings({ pools: { gpu: pools } }));
}

describe("what the cluster is told of GPUs", () => {
  it("is how the pools share them that GPU workers run on", () => {
    const pools = [
      { shape: "t4", max: 1, sharing: FOUR },
      { shape: "h100", max: 1 },
    ];
    expect(told(pools, { shape: "t4" }).sharing).toEqual(FOUR);
    expect(told(pools, { shape: "h100" }).sharing).toEqual({ mode: "none" });
    expect(told(pools.slice(0, 1)).sharing).toEqual(FOUR);
  });

  it("is nothing of sharing where there is no pool", () => {
    expect(told([]).sharing).toBeUndefined();
  });

  it("is how long a node may take: what the autoscaler gives it, or as the stack's file says", () => {
    expect(told([]).nodeStartSeconds).toBe(900);
    expect(told([], { nodeStartSeconds: 300 }).nodeStartSeconds).toBe(300);
  });
});
