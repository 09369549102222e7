import { describe, expect, it } from "vitest";
import { awsSettings } from "../../test/pulumi/aws.ts";
import { STACK } from "../../test/pulumi/recorder.ts";
import { planNodePools, type PoolPlan } from "../plan/node-pools.ts";
import { PlanError } from "../plan/plan-error.ts";
import { planAutoscaler } from "./autoscaler-plan.ts";
import { awsPools, awsSize, typesToAsk } from "./plans.ts";

const IMAGE = `registry.example/cluster-autoscaler@sha256:${"0".repeat(64)}`;

function poolsOf(pools: object): readonly PoolPlan[] {
  const settings = awsSettings({ pools });
  const wanted = awsPools(settings, awsSize(STACK, settings));
  return planNodePools(STACK, wanted, new Map(typesToAsk(wanted).map((type) => [type, settings.network.zones])));
}

const plan = (pools: object, autoscaler?: string) =>
  planAutoscaler(STACK, poolsOf(pools), { images: { autoscaler }, version: "1.35" });

/** Pools of one size each. */
const STILL = { system: { min: 2, max: 2 }, cpu: { min: 2, max: 2 }, cpuSpot: { enabled: false } };

describe("whether a stack needs who makes nodes", () => {
  it("is so for every size: pools may grow", () => {
    expect(plan({}, IMAGE)).toEqual({ image: IMAGE });
  });

  it("is refused without the image, with the pools that would not grow and what mends it", () => {
    const pools = { ...STILL, gpu: [{ shape: "l4", max: 2 }] };
    expect(() => plan(pools)).toThrow(PlanError);
    expect(() => plan(pools)).toThrow(
      /slipway:kubernetes\.images\.autoscaler is missing, and pools may grow \(gpu-l4 0\.\.2\).*autoscaler 1\.35\.x by its digest/,
    );
  });

  it("is not so where every pool has one size for good", () => {
    expect(plan(STILL)).toBeUndefined();
    expect(plan(STILL, IMAGE)).toBeUndefined();
  });
});
