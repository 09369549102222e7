import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { GPU_SHAPE_NAMES, gpuShape, type GpuShapeName } from "./gpu-shapes.ts";
import type { Offerings } from "./instance-types.ts";
import type { GpuPoolConfig, GpuSharing, NodePoolsConfig, PoolConfig } from "./node-pool-config.ts";
import { planNodePools } from "./node-pools.ts";
import { PlanError } from "./plan-error.ts";

const REGION = ["us-east-1a", "us-east-1b", "us-east-1c", "us-east-1d"] as const;
const ZONES = REGION.slice(0, 3);

const CPU_TYPES = ["m7i.large", "m7a.large", "m6i.large", "m6a.large", "c7i.large", "m7g.large", "m7i.xlarge"] as const;
const GPU_TYPES = GPU_SHAPE_NAMES.map((name) => gpuShape(name).instanceType);
const TYPES: readonly string[] = [...CPU_TYPES, ...GPU_TYPES];

/** A region that has everything everywhere, but for what is said. */
const offering = (but: Readonly<Record<string, readonly string[]>> = {}): Offerings =>
  new Map(TYPES.map((type) => [type, but[type] ?? REGION]));

const SYSTEM = { instanceTypes: ["m7i.large"], min: 2, max: 3, diskGiB: 50, dedicated: false };
const CPU: PoolConfig = { instanceTypes: ["m7i.large"], min: 0, max: 6, diskGiB: 50 };
const SPOT: PoolConfig = { ...CPU, instanceTypes: ["m7i.large", "m7a.large", "m6i.large"] };
const CONFIG: NodePoolsConfig = { zones: ZONES, system: SYSTEM, cpu: CPU, cpuSpot: SPOT, gpu: [] };

const withGpu = (...gpu: GpuPoolConfig[]): NodePoolsConfig => ({ ...CONFIG, gpu });

function plan(config: NodePoolsConfig, offers = offering()) {
  return planNodePools("prod", config, offers);
}

function faultsOf(config: NodePoolsConfig, offers = offering()): readonly string[] {
  try {
    plan(config, offers);
  } catch (error) {
    if (error instanceof PlanError) return error.faults;
    throw error;
  }
  return [];
}

const sharings = (name: GpuShapeName): fc.Arbitrary<GpuSharing> => {
  const profiles = Object.keys(gpuShape(name).migProfiles);
  const slicing = fc.integer({ min: 2, max: 48 }).map((replicas): GpuSharing => ({ mode: "time-slicing", replicas }));
  const none = fc.constant<GpuSharing>({ mode: "none" });
  if (profiles.length === 0) return fc.oneof(none, slicing);
  return fc.oneof(
    none,
    slicing,
    fc.constantFrom(...profiles).map((profile): GpuSharing => ({ mode: "mig", profile })),
  );
};

const nodes = fc
  .record({ a: fc.integer({ min: 1, max: 450 }), b: fc.integer({ min: 1, max: 450 }) })
  .map(({ a, b }) => ({ min: Math.min(a, b), max: Math.max(a, b) }));

/** GPU pools that are allowed where everything is offered. */
const gpuPools: fc.Arbitrary<GpuPoolConfig[]> = fc.subarray([...GPU_SHAPE_NAMES]).chain((names) =>
  fc.tuple(
    ...names.map((shape) =>
      fc
        .record({
          sharing: sharings(shape),
          capacity: fc.constantFrom("on-demand" as const, "spot" as const),
          diskGiB: fc.integer({ min: 60, max: 16_384 }),
          size: nodes,
        })
        .map(({ size, ...rest }): GpuPoolConfig => ({ shape, ...rest, ...size })),
    ),
  ),
);

/** Each type is offered in some zones of the region. */
const someOfferings = fc
  .tuple(...TYPES.map((type) => fc.subarray([...REGION]).map((zones) => [type, zones] as const)))
  .map((entries): Offerings => new Map(entries));

describe("planNodePools", () => {
  it("has pools for add-ons and for services, on demand and spot", () => {
    const pools = plan(CONFIG);
    expect(pools.map(({ name, capacity, min, max }) => [name, capacity, min, max])).toEqual([
      ["system", "on-demand", 2, 3],
      ["cpu", "on-demand", 0, 6],
      ["cpu-spot", "spot", 0, 6],
    ]);
    expect(pools[1]).toEqual({
      name: "cpu",
      instanceTypes: ["m7i.large"],
      capacity: "on-demand",
      min: 0,
      max: 6,
      labels: { "slipway/pool": "cpu", "slipway/capacity": "on-demand" },
      taints: [],
      tags: { "k8s.io/cluster-autoscaler/node-template/resources/ephemeral-storage": "50Gi" },
      diskGiB: 50,
      diskEncrypted: true,
      ami: "AL2023_x86_64_STANDARD",
      zones: ZONES,
    });
  });

  it("keeps what did not ask for spot instances away from them, and services from the system's nodes where it says so", () => {
    const [system, , spot] = plan({ ...CONFIG, system: { ...SYSTEM, dedicated: true } });
    expect(system?.taints).toEqual([{ key: "CriticalAddonsOnly", value: "true", effect: "NoSchedule" }]);
    expect(spot?.taints).toEqual([{ key: "slipway/capacity", value: "spot", effect: "NoSchedule" }]);
    expect(plan(CONFIG)[0]?.taints).toEqual([]);
  });

  it("has no spot pool where the stack takes none", () => {
    expect(plan({ zones: ZONES, system: SYSTEM, cpu: CPU, gpu: [] }).map(({ name }) => name)).toEqual([
      "system",
      "cpu",
    ]);
  });

  it("has a GPU pool for each shape, from zero, with room for GPU images, in the zones that offer it", () => {
    const pools = plan(withGpu({ shape: "h100", max: 2 }), offering({ "p5.4xlarge": ["us-east-1b", "us-east-1d"] }));
    expect(pools[3]).toEqual({
      name: "gpu-h100",
      instanceTypes: ["p5.4xlarge"],
      capacity: "on-demand",
      min: 0,
      max: 2,
      labels: {
        "slipway/pool": "gpu-h100",
        "slipway/capacity": "on-demand",
        "slipway/gpu-shape": "h100",
        "k8s.amazonaws.com/accelerator": "nvidia-h100",
      },
      taints: [{ key: "nvidia.com/gpu", value: "present", effect: "NoSchedule" }],
      tags: {
        "k8s.io/cluster-autoscaler/node-template/resources/ephemeral-storage": "120Gi",
        "k8s.io/cluster-autoscaler/node-template/resources/nvidia.com/gpu": "1",
      },
      diskGiB: 120,
      diskEncrypted: true,
      ami: "AL2023_x86_64_NVIDIA",
      zones: ["us-east-1b"],
      gpu: { shape: "h100", count: 1, sharing: { mode: "none" }, schedulable: 1 },
    });
  });

  it.each([
    ["t4", { mode: "none" }, 1, {}],
    ["t4", { mode: "time-slicing", replicas: 4 }, 4, { "nvidia.com/device-plugin.config": "time-slicing-4" }],
    ["a100x8", { mode: "time-slicing", replicas: 2 }, 16, { "nvidia.com/device-plugin.config": "time-slicing-2" }],
    ["a100x8", { mode: "mig", profile: "1g.5gb" }, 56, { "nvidia.com/mig.config": "all-1g.5gb" }],
    ["h100", { mode: "mig", profile: "1g.10gb+me" }, 1, { "nvidia.com/mig.config": "all-1g.10gb.me" }],
  ] satisfies [GpuShapeName, GpuSharing, number, object][])(
    "tells the autoscaler what an empty pool of %s with %j would bring",
    (shape, sharing, schedulable, labels) => {
      const pool = plan(withGpu({ shape, max: 1, sharing }))[3];
      expect(pool?.gpu?.schedulable).toBe(schedulable);
      expect(pool?.tags["k8s.io/cluster-autoscaler/node-template/resources/nvidia.com/gpu"]).toBe(String(schedulable));
      expect(pool?.labels).toMatchObject(labels);
    },
  );

  it("plans every allowed pool once: GPUs behind taints, labels that Kubernetes takes", () => {
    fc.assert(
      fc.property(gpuPools, (gpu) => {
        const pools = plan({ ...CONFIG, gpu });
        expect(pools).toHaveLength(3 + gpu.length);
        expect(new Set(pools.map(({ name }) => name)).size).toBe(pools.length);
        for (const pool of pools) {
          expect(pool.min).toBeLessThanOrEqual(pool.max);
          expect(pool.taints.some(({ key }) => key === "nvidia.com/gpu")).toBe(pool.gpu !== undefined);
          expect(pool.ami === "AL2023_x86_64_NVIDIA").toBe(pool.gpu !== undefined);
          expect(pool.labels["slipway/capacity"]).toBe(pool.capacity);
          for (const value of Object.values(pool.labels))
            expect(value).toMatch(/^[A-Za-z0-9]([-\w.]{0,61}[A-Za-z0-9])?$/);
          if (pool.gpu) expect(pool.gpu.schedulable).toBeGreaterThanOrEqual(pool.gpu.count);
        }
      }),
    );
  });

  it("puts a pool exactly into the network's zones that offer one of its types, or refuses it", () => {
    fc.assert(
      fc.property(someOfferings, gpuPools, fc.shuffledSubarray([...REGION], { minLength: 1 }), (offers, gpu, zones) => {
        const config = { ...CONFIG, zones, gpu };
        const isOffered = (type: string) => zones.some((zone) => offers.get(type)?.includes(zone));
        const wanted = [
          ...[SYSTEM, CPU, SPOT].flatMap(({ instanceTypes }) => instanceTypes),
          ...gpu
            .flatMap(({ shape }) => GPU_SHAPE_NAMES.filter((name) => name === shape))
            .map((name) => gpuShape(name).instanceType),
        ];
        const faults = faultsOf(config, offers);
        expect(faults).toHaveLength(wanted.filter((type) => !isOffered(type)).length);
        if (faults.length > 0) return;
        for (const pool of plan(config, offers)) {
          expect(pool.zones.length).toBeGreaterThan(0);
          expect(pool.zones).toEqual(
            zones.filter((zone) => pool.instanceTypes.some((type) => offers.get(type)?.includes(zone))),
          );
        }
      }),
    );
  });
});
