import type { NatGateways } from "./networks.ts";
import { PlanError } from "./plan-error.ts";

/** How much of everything an AWS stack has: three tables, every number of which a stack's file may override. */

const KEY = "aws.overrides";

/** RDS's default of `max_connections`: LEAST({DBInstanceClassMemory/9531392}, 5000). */
const BYTES_PER_CONNECTION = 9_531_392;
const MOST_CONNECTIONS = 5000;
const GIB = 2 ** 30;

/** What is left of an instance's memory for that formula, beside system and agents. An estimate, on the low side. */
const MEMORY_LEFT = 0.85;

export interface DatabaseSize {
  /** Of RDS, such as `db.m7g.large`. */
  readonly instanceClass: string;
  readonly vcpus: number;
  /** Share of its vCPUs that a burstable class may use for good; 1 for others. */
  readonly baseline: number;
  readonly memoryGiB: number;
  readonly storageGiB: number;
  /**
   * `max_connections`, for the parameter group: set and not left to RDS, so that the budget counts with what is.
   *
   * @default 85 % of what RDS would set
   */
  readonly maxConnections?: number;
}

export interface CacheSize {
  /** Of ElastiCache, such as `cache.m7g.large`. */
  readonly nodeType: string;
  readonly memoryGiB: number;
}

export interface ServiceSize {
  readonly replicas: number;
  /** Most that autoscaling adds up to. */
  readonly maxReplicas: number;
  /** Limits of one replica. */
  readonly cpus: number;
  readonly memoryMiB: number;
}

export interface WorkerSize extends ServiceSize {
  /** Jobs that one replica works on at the same time. */
  readonly concurrency: number;
}

export interface PoolSize {
  readonly instanceTypes: readonly string[];
  readonly min: number;
  readonly max: number;
  readonly diskGiB: number;
}

export interface Size {
  readonly database: DatabaseSize;
  readonly cache: CacheSize;
  readonly api: ServiceSize;
  readonly worker: WorkerSize;
  /** GPU workers; 0 for none. They count for the connections, the pools say which GPUs. */
  readonly gpu: { readonly maxReplicas: number };
  readonly system: PoolSize;
  readonly cpu: PoolSize;
  readonly cpuSpot: PoolSize;
  readonly natGateways: NatGateways;
}

/** A size with nothing left open. */
export interface ResolvedSize extends Size {
  readonly database: DatabaseSize & { readonly maxConnections: number };
}

type Overrides<T> = { readonly [K in keyof T]?: T[K] | undefined };

/** What a stack's file changes of a size. */
export type SizeOverrides = {
  readonly [S in keyof Size]?: (Size[S] extends object ? Overrides<Size[S]> : Size[S]) | undefined;
};

const pool = (min: number, max: number, ...instanceTypes: string[]): PoolSize => ({
  ...{ instanceTypes, min, max, diskGiB: 50 },
});

export const SIZES = {
  /** A first production: what is left of AWS's bill when little runs. `carries` says what each size is good for. */
  small: {
    database: { instanceClass: "db.t4g.medium", vcpus: 2, baseline: 0.2, memoryGiB: 4, storageGiB: 50 },
    cache: { nodeType: "cache.t4g.medium", memoryGiB: 3.09 },
    api: { replicas: 2, maxReplicas: 4, cpus: 0.5, memoryMiB: 384 },
    worker: { replicas: 1, maxReplicas: 8, concurrency: 4, cpus: 1, memoryMiB: 1024 },
    gpu: { maxReplicas: 2 },
    system: pool(2, 3, "m7i.large"),
    cpu: pool(1, 4, "m7i.large"),
    cpuSpot: pool(0, 3, "m7i.xlarge", "m7a.xlarge", "m6i.xlarge", "m6a.xlarge"),
    natGateways: "one",
  },
  medium: {
    database: { instanceClass: "db.m7g.xlarge", vcpus: 4, baseline: 1, memoryGiB: 16, storageGiB: 200 },
    cache: { nodeType: "cache.m7g.large", memoryGiB: 6.38 },
    api: { replicas: 3, maxReplicas: 8, cpus: 1, memoryMiB: 512 },
    worker: { replicas: 3, maxReplicas: 24, concurrency: 8, cpus: 2, memoryMiB: 2048 },
    gpu: { maxReplicas: 4 },
    system: pool(3, 4, "m7i.large"),
    cpu: pool(2, 10, "m7i.xlarge"),
    cpuSpot: pool(0, 8, "m7i.2xlarge", "m7a.2xlarge", "m6i.2xlarge", "m6a.2xlarge"),
    natGateways: "per-zone",
  },
  large: {
    database: { instanceClass: "db.r7g.2xlarge", vcpus: 8, baseline: 1, memoryGiB: 64, storageGiB: 1000 },
    cache: { nodeType: "cache.r7g.large", memoryGiB: 13.07 },
    api: { replicas: 6, maxReplicas: 32, cpus: 1, memoryMiB: 512 },
    worker: { replicas: 6, maxReplicas: 64, concurrency: 8, cpus: 2, memoryMiB: 2048 },
    gpu: { maxReplicas: 16 },
    system: pool(3, 6, "m7i.xlarge"),
    cpu: pool(3, 14, "m7i.2xlarge"),
    cpuSpot: pool(0, 10, "m7i.4xlarge", "m7a.4xlarge", "m6i.4xlarge", "m6a.4xlarge"),
    natGateways: "per-zone",
  },
} as const satisfies Record<string, Size>;

export type SizeName = keyof typeof SIZES;
export const SIZE_NAMES = Object.keys(SIZES) as readonly SizeName[];

type Range = readonly [least: number, most: number, kind: "whole" | "number"];
type Numbers<T> = { [K in keyof T as Required<T>[K] extends number ? K : never]-?: Range };

const SERVICE: Numbers<ServiceSize> = {
  replicas: [1, 1000, "whole"],
  maxReplicas: [1, 1000, "whole"],
  cpus: [0.1, 192, "number"],
  memoryMiB: [64, 1_048_576, "whole"],
};

/** What a number may be. Node pools are left to planNodePools. */
const RANGES = {
  database: {
    vcpus: [1, 192, "whole"],
    baseline: [0.05, 1, "number"],
    memoryGiB: [1, 4096, "number"],
    storageGiB: [20, 65_536, "whole"],
    maxConnections: [6, MOST_CONNECTIONS, "whole"],
  },
  cache: { memoryGiB: [0.5, 1024, "number"] },
  api: SERVICE,
  worker: { ...SERVICE, concurrency: [1, 256, "whole"] },
  gpu: { maxReplicas: [0, 1000, "whole"] },
} as const satisfies { [S in "database" | "cache" | "api" | "worker" | "gpu"]: Numbers<Size[S]> };

/**
 * What RDS would take for `max_connections`, at most.
 *
 * @param memoryGiB of the instance class
 */
export function rdsMaxConnections(memoryGiB: number): number {
  return Math.min(Math.floor((memoryGiB * GIB) / BYTES_PER_CONNECTION), MOST_CONNECTIONS);
}

/**
 * A size of the table with a stack's own numbers.
 *
 * @param stack     the stack's name, for messages
 * @param name      of {@link SIZE_NAMES}
 * @param overrides numbers to take instead
 * @throws PlanError with every fault; whether the database has connections for all that may run is for who knows what runs
 */
export function resolveSize(stack: string, name: string, overrides: SizeOverrides = {}): ResolvedSize {
  const base = SIZE_NAMES.find((known) => known === name);
  if (base === undefined)
    throw new PlanError(stack, "size", [`slipway:aws.size is ${name}, must be one of ${SIZE_NAMES.join(", ")}.`]);
  const size = merge(SIZES[base], overrides);
  const faults = [...classFaults(overrides), ...rangeFaults(size), ...relationFaults(size)];
  if (faults.length > 0) throw new PlanError(stack, "size", faults);
  return size;
}

function merge(base: Size, overrides: SizeOverrides): ResolvedSize {
  const database = withOverrides(base.database, overrides.database);
  const estimate = Math.floor(rdsMaxConnections(database.memoryGiB * MEMORY_LEFT));
  return {
    database: { ...database, maxConnections: database.maxConnections ?? estimate },
    cache: withOverrides(base.cache, overrides.cache),
    api: withOverrides(base.api, overrides.api),
    worker: withOverrides(base.worker, overrides.worker),
    gpu: withOverrides(base.gpu, overrides.gpu),
    system: withOverrides(base.system, overrides.system),
    cpu: withOverrides(base.cpu, overrides.cpu),
    cpuSpot: withOverrides(base.cpuSpot, overrides.cpuSpot),
    natGateways: overrides.natGateways ?? base.natGateways,
  };
}

function withOverrides<T extends object>(base: T, overrides: Overrides<T> = {}): T {
  const said: Partial<T> = Object.fromEntries(
    Object.entries<unknown>(overrides).filter(([, value]) => value !== undefined),
  ) as Partial<T>;
  return { ...base, ...said };
}

/** Another class without its numbers would be counted with those of the one before. */
function classFaults({ database, cache }: SizeOverrides): string[] {
  const missing = [
    ...(database?.instanceClass === undefined
      ? []
      : (["vcpus", "baseline", "memoryGiB"] as const)
          .filter((key) => database[key] === undefined)
          .map((key) => ({ of: `database.instanceClass is ${database.instanceClass ?? ""}`, key: `database.${key}` }))),
    ...(cache?.nodeType !== undefined && cache.memoryGiB === undefined
      ? [{ of: `cache.nodeType is ${cache.nodeType}`, key: "cache.memoryGiB" }]
      : []),
  ];
  return missing.map(({ of, key }) => `slipway:${KEY}.${of}, must come with ${key}. Set slipway:${KEY}.${key}.`);
}

function rangeFaults(size: ResolvedSize): string[] {
  return Object.entries(RANGES).flatMap(([section, ranges]) => {
    const values = new Map<string, unknown>(Object.entries({ ...size[section as keyof typeof RANGES] }));
    return Object.entries(ranges).flatMap(([key, [least, most, kind]]) => {
      const value = values.get(key);
      const isFine = typeof value === "number" && value >= least && value <= most;
      if (isFine && (kind === "number" || Number.isInteger(value))) return [];
      const allowed = `${kind === "whole" ? "a whole number" : "a number"} of ${least}..${most}`;
      return [`slipway:${KEY}.${section}.${key} is ${String(value)}, must be ${allowed}.`];
    });
  });
}

function relationFaults({ database, api, worker }: ResolvedSize): string[] {
  const most = rdsMaxConnections(database.memoryGiB);
  return [
    ...Object.entries({ api, worker })
      .filter(([, { replicas, maxReplicas }]) => replicas > maxReplicas)
      .map(([name, { replicas, maxReplicas }]) => {
        const key = `slipway:${KEY}.${name}`;
        return `${key}.replicas is ${replicas}, must be at most maxReplicas, ${maxReplicas}. Lower it or raise ${key}.maxReplicas.`;
      }),
    ...(database.maxConnections > most
      ? [
          `slipway:${KEY}.database.maxConnections is ${database.maxConnections}, must be at most ${most}: ` +
            `${database.memoryGiB} GiB hold no more. Lower it or take a greater class.`,
        ]
      : []),
  ];
}
