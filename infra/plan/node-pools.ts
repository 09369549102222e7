import { gpuShape, isGpuShape, type GpuShape, type GpuShapeName } from "./gpu-shapes.ts";
import { zonesOf, type Offerings, type Region } from "./instance-types.ts";
import type { Capacity, GpuPoolConfig, GpuSharing, NodePoolsConfig, PoolConfig } from "./node-pool-config.ts";
import { DEFAULT_GPU_DISK_GIB, gpuPoolName, nodePoolFaults } from "./node-pool-faults.ts";
import { PlanError } from "./plan-error.ts";

/**
 * Which groups of nodes a cluster has. docs/adr/0006 says why they are managed node groups, scaled by the cluster
 * autoscaler: what a node of an empty group would bring is said by labels, taints and tags, and they are planned here.
 */

/** Label of every node: the pool's name. */
export const POOL_LABEL = "slipway/pool";
/** Label of every node: `on-demand` or `spot`. */
export const CAPACITY_LABEL = "slipway/capacity";
/** Label of nodes with GPUs: the shape's name. */
export const GPU_SHAPE_LABEL = "slipway/gpu-shape";
/** Label by which NVIDIA's device plugin picks one of its configurations. */
export const DEVICE_PLUGIN_LABEL = "nvidia.com/device-plugin.config";
/** Label by which the MIG manager of NVIDIA's operator divides the GPUs of a node. */
export const MIG_LABEL = "nvidia.com/mig.config";
/** What pods ask for. MIG runs with the strategy `single`, so that its instances have this name too. */
export const GPU_RESOURCE = "nvidia.com/gpu";

const ACCELERATOR_LABEL = "k8s.amazonaws.com/accelerator";
const RESOURCE_TAG = "k8s.io/cluster-autoscaler/node-template/resources/";

export interface Taint {
  readonly key: string;
  readonly value: string;
  readonly effect: "NoSchedule";
}

export interface GpuPlan {
  readonly shape: GpuShapeName;
  /** GPUs of one node. */
  readonly count: number;
  readonly sharing: GpuSharing;
  /** How many of {@link GPU_RESOURCE} one node offers. */
  readonly schedulable: number;
}

export interface PoolPlan {
  readonly name: string;
  readonly instanceTypes: readonly string[];
  readonly capacity: Capacity;
  readonly min: number;
  readonly max: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly taints: readonly Taint[];
  /** Of the node group; tell the autoscaler what a node brings while there is none. */
  readonly tags: Readonly<Record<string, string>>;
  readonly diskGiB: number;
  readonly diskEncrypted: true;
  /** `amiType` of EKS. */
  readonly ami: "AL2023_x86_64_STANDARD" | "AL2023_x86_64_NVIDIA";
  /** Zones of the network in which its nodes are to be had; at least one. */
  readonly zones: readonly string[];
  readonly gpu?: GpuPlan;
}

/**
 * Plans the pools of a cluster: `system`, `cpu`, `cpu-spot` and one for each GPU shape that is asked for.
 *
 * @param stack the stack's name, for messages
 * @throws PlanError with every fault and the key to change
 */
export function planNodePools(stack: string, config: NodePoolsConfig, offerings: Offerings): PoolPlan[] {
  const region: Region = { zones: config.zones, offerings };
  const faults = nodePoolFaults(config, region);
  if (faults.length > 0) throw new PlanError(stack, "node pools", faults);
  const system = cpuPool("system", config.system, "on-demand", region);
  return [
    config.system.dedicated ? { ...system, taints: [taint("CriticalAddonsOnly", "true")] } : system,
    cpuPool("cpu", config.cpu, "on-demand", region),
    // What cannot go within two minutes must ask for the pool: nothing lands there by chance.
    ...(config.cpuSpot
      ? [{ ...cpuPool("cpu-spot", config.cpuSpot, "spot", region), taints: [taint(CAPACITY_LABEL, "spot")] }]
      : []),
    ...config.gpu.flatMap((pool) => (isGpuShape(pool.shape) ? [gpuPool(pool, pool.shape, region)] : [])),
  ];
}

function taint(key: string, value: string): Taint {
  return { key, value, effect: "NoSchedule" };
}

function cpuPool(name: string, config: PoolConfig, capacity: Capacity, region: Region): PoolPlan {
  const { instanceTypes, min, max, diskGiB } = config;
  return {
    ...{ name, instanceTypes, capacity, min, max, diskGiB, diskEncrypted: true },
    labels: { [POOL_LABEL]: name, [CAPACITY_LABEL]: capacity },
    taints: [],
    tags: { [`${RESOURCE_TAG}ephemeral-storage`]: `${diskGiB}Gi` },
    ami: "AL2023_x86_64_STANDARD",
    zones: zonesOf(instanceTypes, region),
  };
}

function gpuPool(config: GpuPoolConfig, name: GpuShapeName, region: Region): PoolPlan {
  const shape = gpuShape(name);
  const { capacity = "on-demand", min = 0, max, diskGiB = DEFAULT_GPU_DISK_GIB, sharing = { mode: "none" } } = config;
  const pool = { instanceTypes: [shape.instanceType], min, max, diskGiB };
  const plan = cpuPool(gpuPoolName(config), pool, capacity, region);
  const schedulable = gpuPlaces(config, shape);
  return {
    ...plan,
    labels: {
      ...plan.labels,
      [GPU_SHAPE_LABEL]: name,
      [ACCELERATOR_LABEL]: shape.accelerator,
      ...sharingLabels(sharing),
    },
    taints: [taint(GPU_RESOURCE, "present")],
    tags: { ...plan.tags, [`${RESOURCE_TAG}${GPU_RESOURCE}`]: String(schedulable) },
    ami: "AL2023_x86_64_NVIDIA",
    gpu: { shape: name, count: shape.gpus, sharing, schedulable },
  };
}

/** How many workers one node of a pool has a GPU, a turn or a slice for. */
export function gpuPlaces({ sharing = { mode: "none" } }: Pick<GpuPoolConfig, "sharing">, shape: GpuShape): number {
  return shape.gpus * sharesOf(sharing, shape);
}

/** Pods that one GPU takes. */
function sharesOf(sharing: GpuSharing, { migProfiles }: GpuShape): number {
  switch (sharing.mode) {
    case "none":
      return 1;
    case "time-slicing":
      return sharing.replicas;
    case "mig":
      return migProfiles[sharing.profile] ?? 0;
  }
}

function sharingLabels(sharing: GpuSharing): Record<string, string> {
  switch (sharing.mode) {
    case "none":
      return {};
    case "time-slicing":
      return { [DEVICE_PLUGIN_LABEL]: `time-slicing-${sharing.replicas}` };
    case "mig":
      // Who divides GPUs tells of slices too: the operator's own device plugin. A label's value has no plus sign; the MIG manager
      // writes its configurations with a dot as well.
      return { [MIG_LABEL]: `all-${sharing.profile.replace("+", ".")}` };
  }
}
