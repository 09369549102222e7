import { GPU_SHAPE_NAMES, gpuShape, isGpuShape, type GpuShapeName } from "./gpu-shapes.ts";
import { notOffered, readInstanceType, zonesOf, type Region } from "./instance-types.ts";
import type { GpuPoolConfig, GpuSharing, NodePoolsConfig, PoolConfig } from "./node-pool-config.ts";

/** What cannot be planned of a stack's node pools, and which key mends it. */

const KEY = "slipway:aws.pools";

/** The add-ons survive a node. */
const SYSTEM_MINIMUM = 2;
/** EKS's quota of nodes in one group. */
const MOST_NODES = 450;
const MOST_DISK_GIB = 16_384;
const LEAST_DISK_GIB = 20;
/** Image of the system with drivers, CUDA and our worker image, unpacked, twice during a release. */
const LEAST_GPU_DISK_GIB = 60;
export const DEFAULT_GPU_DISK_GIB = 120;
const REPLICAS = { least: 2, most: 48 } as const;
/** Spot instances are to be had where one may take several kinds. */
const LEAST_SPOT_TYPES = 2;

/** Name of a GPU pool: there is one for each shape and capacity. */
export function gpuPoolName({ shape, capacity }: GpuPoolConfig): string {
  return `gpu-${shape}${capacity === "spot" ? "-spot" : ""}`;
}

/** Every fault of the pools that a stack asks for. */
export function nodePoolFaults(config: NodePoolsConfig, region: Region): string[] {
  return [...cpuFaults(config, region), ...gpuFaults(config.gpu, region)];
}

function cpuFaults({ system, cpu, cpuSpot }: NodePoolsConfig, region: Region): string[] {
  return [
    ...sizeFaults(`${KEY}.system`, system, SYSTEM_MINIMUM, LEAST_DISK_GIB),
    ...typeFaults(`${KEY}.system`, system, 1, region),
    ...sizeFaults(`${KEY}.cpu`, cpu, 0, LEAST_DISK_GIB),
    ...typeFaults(`${KEY}.cpu`, cpu, 1, region),
    ...(cpuSpot
      ? [
          ...sizeFaults(`${KEY}.cpuSpot`, cpuSpot, 0, LEAST_DISK_GIB),
          ...typeFaults(`${KEY}.cpuSpot`, cpuSpot, LEAST_SPOT_TYPES, region),
        ]
      : []),
  ];
}

function sizeFaults(key: string, pool: Omit<PoolConfig, "instanceTypes">, leastMin: number, leastDisk: number) {
  const range = (name: "min" | "max" | "diskGiB", least: number, most: number) =>
    Number.isInteger(pool[name]) && pool[name] >= least && pool[name] <= most
      ? []
      : [`${key}.${name} is ${pool[name]}, must be a whole number of ${least}..${most}.`];
  return [
    ...range("min", leastMin, MOST_NODES),
    ...range("max", 1, MOST_NODES),
    ...(pool.max < pool.min
      ? [`${key}.max is ${pool.max}, must be at least min, ${pool.min}. Raise max or lower min.`]
      : []),
    ...range("diskGiB", leastDisk, MOST_DISK_GIB),
  ];
}

function typeFaults(key: string, { instanceTypes }: PoolConfig, least: number, region: Region): string[] {
  const got = `${key}.instanceTypes is [${instanceTypes.join(", ")}]`;
  const sizes = new Set(instanceTypes.map((type) => readInstanceType(type).likeness));
  const arm = instanceTypes.filter((type) => readInstanceType(type).architecture === "arm64");
  const missing = instanceTypes.filter((type) => zonesOf([type], region).length === 0);
  return [
    ...(new Set(instanceTypes).size < least ? [`${got}, must be at least ${least} different ones.`] : []),
    ...(sizes.size > 1
      ? [
          `${got}, of unlike sizes; the autoscaler counts with one. Take one size of one family, as m7i.large, m7a.large.`,
        ]
      : []),
    ...(arm.length > 0 ? [`${got}, and ${arm.join(", ")} is arm64; the images are built for amd64.`] : []),
    ...missing.map((type) => `${got}, and ${notOffered(type, region)}. Take another type or add such a zone.`),
  ];
}

function gpuFaults(pools: readonly GpuPoolConfig[], region: Region): string[] {
  const names = pools.map(gpuPoolName);
  return pools.flatMap((pool, index) => {
    const key = `${KEY}.gpu.${index}`;
    const { min = 0, max, diskGiB = DEFAULT_GPU_DISK_GIB } = pool;
    return [
      ...sizeFaults(key, { min, max, diskGiB }, 0, LEAST_GPU_DISK_GIB),
      ...(names.indexOf(gpuPoolName(pool)) < index
        ? [`${key} is another ${gpuPoolName(pool)}; there can be one. Put both into one, or take spot for one of them.`]
        : []),
      ...(isGpuShape(pool.shape)
        ? [...shapeFaults(key, pool.shape, region), ...sharingFaults(key, pool.sharing, pool.shape)]
        : [`${key}.shape is ${JSON.stringify(pool.shape)}, must be one of ${GPU_SHAPE_NAMES.join(", ")}.`]),
    ];
  });
}

function shapeFaults(key: string, name: GpuShapeName, region: Region): string[] {
  const { instanceType } = gpuShape(name);
  if (zonesOf([instanceType], region).length > 0) return [];
  const others = GPU_SHAPE_NAMES.flatMap((other) => {
    const zones = region.offerings.get(gpuShape(other).instanceType) ?? [];
    return zones.length === 0 ? [] : [`${other} (${zones.join(", ")})`];
  });
  const fix =
    others.length === 0
      ? "The region has no shape at all: take another region."
      : `The region has: ${others.join(", ")}. Take one of them, and its zones into slipway:aws.network.zones.`;
  return [`${key}.shape is ${name}, and ${notOffered(instanceType, region)}. ${fix}`];
}

function sharingFaults(key: string, sharing: GpuSharing | undefined, name: GpuShapeName): string[] {
  const { model, migProfiles } = gpuShape(name);
  const profiles = Object.keys(migProfiles);
  if (sharing?.mode === "time-slicing") {
    const { replicas } = sharing;
    const isFine = Number.isInteger(replicas) && replicas >= REPLICAS.least && replicas <= REPLICAS.most;
    const range = `${REPLICAS.least}..${REPLICAS.most}`;
    return isFine ? [] : [`${key}.sharing.replicas is ${replicas}, must be a whole number of ${range}.`];
  }
  if (sharing?.mode !== "mig" || Object.hasOwn(migProfiles, sharing.profile)) return [];
  if (profiles.length > 0)
    return [`${key}.sharing.profile is ${sharing.profile}, must be one of ${profiles.join(", ")} on ${name}.`];
  const able = GPU_SHAPE_NAMES.filter((other) => Object.keys(gpuShape(other).migProfiles).length > 0);
  return [
    `${key}.sharing.mode is mig, and ${name} (${model}) has no MIG. Take time-slicing, or one of ${able.join(", ")}.`,
  ];
}
