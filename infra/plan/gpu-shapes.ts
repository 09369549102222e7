/**
 * Machines with GPUs that a stack may ask for, by name.
 *
 * Source: AWS's pages of the instance types g4dn, g5, g6, g6e, p4d and p5 (memory as printed there), and NVIDIA's MIG user
 * guide, "Supported MIG Profiles"; as of November 2026. Where a machine is to be had is not written here: it changes,
 * and is asked of EC2 (`getInstanceTypeOfferings`).
 */

/** Profiles of MIG, and how many instances of each alone fit on one GPU. */
type MigProfiles = Readonly<Record<string, number>>;

export interface GpuShape {
  readonly instanceType: string;
  readonly model: string;
  /** GPUs of one machine. */
  readonly gpus: number;
  /** Memory of each GPU. */
  readonly gpuMemoryGiB: number;
  readonly vcpus: number;
  readonly memoryGiB: number;
  /** NVIDIA's generation of the GPU. */
  readonly generation: "turing" | "ampere" | "ada" | "hopper";
  /** Of the CPU: images are built for it. */
  readonly architecture: "amd64";
  /** Value of the label by which the cluster autoscaler knows that a node is yet to show its GPUs. */
  readonly accelerator: string;
  /** Empty where the GPU cannot be divided by MIG. */
  readonly migProfiles: MigProfiles;
}

const NO_MIG: MigProfiles = {};

/** A100 with 40 GB, as in p4d. */
const MIG_A100_40GB: MigProfiles = {
  "1g.5gb": 7,
  "1g.5gb+me": 1,
  "1g.10gb": 4,
  "2g.10gb": 3,
  "3g.20gb": 2,
  "4g.20gb": 1,
  "7g.40gb": 1,
};

/** H100 with 80 GB, as in p5. */
const MIG_H100_80GB: MigProfiles = {
  "1g.10gb": 7,
  "1g.10gb+me": 1,
  "1g.20gb": 4,
  "2g.20gb": 3,
  "3g.40gb": 2,
  "4g.40gb": 1,
  "7g.80gb": 1,
};

export const GPU_SHAPES = {
  t4: {
    instanceType: "g4dn.xlarge",
    model: "T4",
    gpus: 1,
    gpuMemoryGiB: 16,
    vcpus: 4,
    memoryGiB: 16,
    generation: "turing",
    architecture: "amd64",
    accelerator: "nvidia-tesla-t4",
    migProfiles: NO_MIG,
  },
  a10g: {
    instanceType: "g5.xlarge",
    model: "A10G",
    gpus: 1,
    gpuMemoryGiB: 24,
    vcpus: 4,
    memoryGiB: 16,
    generation: "ampere",
    architecture: "amd64",
    accelerator: "nvidia-a10g",
    migProfiles: NO_MIG,
  },
  l4: {
    instanceType: "g6.xlarge",
    model: "L4",
    gpus: 1,
    gpuMemoryGiB: 24,
    vcpus: 4,
    memoryGiB: 16,
    generation: "ada",
    architecture: "amd64",
    accelerator: "nvidia-l4",
    migProfiles: NO_MIG,
  },
  l40s: {
    instanceType: "g6e.xlarge",
    model: "L40S",
    gpus: 1,
    gpuMemoryGiB: 48,
    vcpus: 4,
    memoryGiB: 32,
    generation: "ada",
    architecture: "amd64",
    accelerator: "nvidia-l40s",
    migProfiles: NO_MIG,
  },
  a100x8: {
    instanceType: "p4d.24xlarge",
    model: "A100",
    gpus: 8,
    gpuMemoryGiB: 40,
    vcpus: 96,
    memoryGiB: 1152,
    generation: "ampere",
    architecture: "amd64",
    accelerator: "nvidia-tesla-a100",
    migProfiles: MIG_A100_40GB,
  },
  h100: {
    instanceType: "p5.4xlarge",
    model: "H100",
    gpus: 1,
    gpuMemoryGiB: 80,
    vcpus: 16,
    memoryGiB: 256,
    generation: "hopper",
    architecture: "amd64",
    accelerator: "nvidia-h100",
    migProfiles: MIG_H100_80GB,
  },
  h100x8: {
    instanceType: "p5.48xlarge",
    model: "H100",
    gpus: 8,
    gpuMemoryGiB: 80,
    vcpus: 192,
    memoryGiB: 2048,
    generation: "hopper",
    architecture: "amd64",
    accelerator: "nvidia-h100",
    migProfiles: MIG_H100_80GB,
  },
} as const satisfies Record<string, GpuShape>;

export type GpuShapeName = keyof typeof GPU_SHAPES;

export const GPU_SHAPE_NAMES = Object.keys(GPU_SHAPES) as readonly GpuShapeName[];

/** Whether a text names a shape of the table. */
export function isGpuShape(name: string): name is GpuShapeName {
  return Object.hasOwn(GPU_SHAPES, name);
}

/** A shape of the table. */
export function gpuShape(name: GpuShapeName): GpuShape {
  return GPU_SHAPES[name];
}
