import type { AwsSettings, PoolSettings } from "../../configs/aws-settings.ts";
import type { StackConfig } from "../../configs/stack.ts";
import { assertDrain, EKS_NODE_DRAIN_SECONDS, planDrain, type DrainInput, type DrainPlan } from "../plan/drain.ts";
import { GPU_SHAPES } from "../plan/gpu-shapes.ts";
import { planNetwork, type NetworkPlan } from "../plan/networks.ts";
import type { NodePoolsConfig } from "../plan/node-pool-config.ts";
import type { PoolPlan } from "../plan/node-pools.ts";
import { resolveSize, type ResolvedSize } from "../plan/sizes.ts";
import { goesOnSpot } from "./node-choice.ts";

/** From what a stack's file says of AWS to the plans that the resources are made by. */

/** Addresses that a link of AWS's own has: EKS uses them within nodes. */
const LINK_LOCAL = "169.254.0.0/16";

/** @throws Error where the stack has another platform; its file was refused before */
export function awsOf({ platform, aws }: StackConfig): AwsSettings {
  if (aws === undefined)
    throw new Error(`platform is ${platform}, which has no slipway:aws; allowed here is aws alone.`);
  return aws;
}

/**
 * How much of everything the stack has.
 *
 * @throws PlanError with every fault and the key to change
 */
export function awsSize(stack: string, { size, overrides, pools }: AwsSettings): ResolvedSize {
  const { system, cpu, cpuSpot } = pools;
  return resolveSize(stack, size, {
    ...overrides,
    ...{ system: numbers(system), cpu: numbers(cpu), cpuSpot: numbers(cpuSpot) },
  });
}

/** What a pool of the stack's file has in common with one of a size. */
function numbers({ instanceTypes, min, max, diskGiB }: PoolSettings["cpu"]) {
  return { instanceTypes, min, max, diskGiB };
}

/**
 * How the VPC is divided.
 *
 * @throws PlanError with every fault and the key to change
 */
export function awsNetwork(stack: string, { network, cluster }: AwsSettings, size: ResolvedSize): NetworkPlan {
  const { cidr, zones, minimumZones, reserved } = network;
  return planNetwork(stack, {
    ...{ cidr, zones, minimumZones, natGateways: size.natGateways },
    reserved: [
      ...reserved,
      { name: "the cluster's Services (slipway:aws.cluster.serviceCidr)", cidr: cluster.serviceCidr },
      { name: "links within nodes", cidr: LINK_LOCAL },
    ],
  });
}

/** What `planNodePools` is to plan. */
export function awsPools({ network, pools }: AwsSettings, size: ResolvedSize): NodePoolsConfig {
  return {
    zones: network.zones,
    system: { ...size.system, dedicated: pools.system.dedicated },
    cpu: size.cpu,
    ...(pools.cpuSpot.enabled ? { cpuSpot: size.cpuSpot } : {}),
    gpu: pools.gpu,
  };
}

/** Instance types whose zones the plan of the pools has to know: those that it takes, and those that it may propose instead. */
export function typesToAsk({ system, cpu, cpuSpot, gpu }: NodePoolsConfig): string[] {
  const shapes = gpu.length === 0 ? [] : Object.values(GPU_SHAPES).map(({ instanceType }) => instanceType);
  const types = [system, cpu, ...(cpuSpot ? [cpuSpot] : [])].flatMap(({ instanceTypes }) => instanceTypes);
  return [...new Set([...types, ...shapes])].sort();
}

/**
 * What the load balancer has to wait for the API.
 *
 * @throws PlanError where a spot node, a load balancer or EKS would end a program before it is done
 */
export function awsDrain(
  stack: string,
  { drainSeconds }: { readonly drainSeconds: number },
  pools: readonly PoolPlan[],
): NonNullable<DrainPlan["loadBalancer"]> {
  const common = { time: { drainSeconds }, nodeDrainLimitSeconds: EKS_NODE_DRAIN_SECONDS };
  const api: DrainInput = { ...common, name: "api", traffic: "load-balancer", capacity: "on-demand" };
  const workers = ["worker-cpu", "worker-gpu"].map((name): DrainInput => {
    return { ...common, name, traffic: "none", capacity: goesOnSpot({ name }, pools) ? "spot" : "on-demand" };
  });
  assertDrain(stack, [api, ...workers]);
  const { loadBalancer } = planDrain(api);
  if (loadBalancer === undefined) throw new Error("planDrain gives the times of a load balancer where there is one");
  return loadBalancer;
}
