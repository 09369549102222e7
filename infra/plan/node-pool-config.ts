/** Which groups of nodes a stack asks for; node-pools.ts plans them, node-pool-faults.ts says what they may not be. */

export type Capacity = "on-demand" | "spot";

/**
 * `none`: a GPU is one pod's. `time-slicing`: pods take turns; memory is not divided, and one pod may take what others need.
 * `mig`: the GPU is divided in hardware; every GPU of the pool alike.
 */
export type GpuSharing =
  | { readonly mode: "none" }
  | { readonly mode: "time-slicing"; /** Pods of one GPU, 2..48. */ readonly replicas: number }
  | { readonly mode: "mig"; /** Such as `1g.10gb`. */ readonly profile: string };

export interface PoolConfig {
  /** Of one size, as m7i.large and m7a.large; for amd64. */
  readonly instanceTypes: readonly string[];
  /** Fewest nodes, 0 or more. */
  readonly min: number;
  /** Most nodes, 1..450. */
  readonly max: number;
  /** Encrypted disk of each node, 20..16384. */
  readonly diskGiB: number;
}

export interface SystemPoolConfig extends PoolConfig {
  /** Whether nothing but add-ons runs on it. */
  readonly dedicated: boolean;
}

export interface GpuPoolConfig {
  /** A name of gpu-shapes.ts; plain text, because a stack's file may say anything. */
  readonly shape: string;
  /** @default "on-demand" */
  readonly capacity?: Capacity;
  /** @default 0 */
  readonly min?: number;
  readonly max: number;
  /** 60..16384 @default 120 */
  readonly diskGiB?: number;
  /** @default { mode: "none" } */
  readonly sharing?: GpuSharing;
}

export interface NodePoolsConfig {
  /** Zones of the network. */
  readonly zones: readonly string[];
  readonly system: SystemPoolConfig;
  readonly cpu: PoolConfig;
  /** Absent where the stack takes no spot instances. */
  readonly cpuSpot?: PoolConfig;
  readonly gpu: readonly GpuPoolConfig[];
}
