import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { GPU_SHAPE_NAMES, gpuShape } from "./gpu-shapes.ts";
import { readInstanceType, type Offerings } from "./instance-types.ts";
import type { GpuPoolConfig, NodePoolsConfig, PoolConfig } from "./node-pool-config.ts";
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

function faultsOf(config: NodePoolsConfig, offers = offering()): readonly string[] {
  try {
    planNodePools("prod", config, offers);
  } catch (error) {
    if (error instanceof PlanError) return error.faults;
    throw error;
  }
  return [];
}

describe("refusals of planNodePools", () => {
  it("say where else a shape is to be had, and what the region has instead", () => {
    const none = Object.fromEntries(GPU_TYPES.map((type) => [type, []]));
    const config = withGpu({ shape: "t4", max: 1 }, { shape: "h100", max: 1 });
    const fix =
      "The region has: t4 (us-east-1d), l4 (us-east-1a, us-east-1d). Take one of them, and its zones into slipway:aws.network.zones.";
    const offers = offering({ ...none, "g4dn.xlarge": ["us-east-1d"], "g6.xlarge": ["us-east-1a", "us-east-1d"] });
    expect(() => planNodePools("prod", config, offers)).toThrow(
      "The node pools of Pulumi.prod.yaml: 2 faults; nothing was created or changed.\n" +
        "  - slipway:aws.pools.gpu.0.shape is t4, and no zone of the network (us-east-1a, us-east-1b, us-east-1c) offers g4dn.xlarge; " +
        `us-east-1d of the region do. ${fix}\n` +
        "  - slipway:aws.pools.gpu.1.shape is h100, and no zone of the network (us-east-1a, us-east-1b, us-east-1c) offers p5.4xlarge; " +
        `nor does any other of the region. ${fix}`,
    );
    expect(faultsOf(withGpu({ shape: "t4", max: 1 }), offering(none))[0]).toMatch(
      /The region has no shape at all: take another region\.$/,
    );
  });

  it.each([
    [
      { shape: "v100", max: 1 },
      'slipway:aws.pools.gpu.0.shape is "v100", must be one of t4, a10g, l4, l40s, a100x8, h100, h100x8.',
    ],
    [
      { shape: "t4", max: 1, sharing: { mode: "mig", profile: "1g.5gb" } },
      "slipway:aws.pools.gpu.0.sharing.mode is mig, and t4 (T4) has no MIG. Take time-slicing, or one of a100x8, h100, h100x8.",
    ],
    [
      { shape: "a100x8", max: 1, sharing: { mode: "mig", profile: "1g.20gb" } },
      "slipway:aws.pools.gpu.0.sharing.profile is 1g.20gb, must be one of 1g.5gb, 1g.5gb+me, 1g.10gb, 2g.10gb, 3g.20gb, 4g.20gb, 7g.40gb on a100x8.",
    ],
    [
      { shape: "h100", max: 1, sharing: { mode: "mig", profile: "toString" } },
      expect.stringContaining("slipway:aws.pools.gpu.0.sharing.profile is toString, must be one of 1g.10gb"),
    ],
    [
      { shape: "t4", max: 1, sharing: { mode: "time-slicing", replicas: 1 } },
      "slipway:aws.pools.gpu.0.sharing.replicas is 1, must be a whole number of 2..48.",
    ],
    [
      { shape: "t4", max: 1, sharing: { mode: "time-slicing", replicas: 49 } },
      "slipway:aws.pools.gpu.0.sharing.replicas is 49, must be a whole number of 2..48.",
    ],
    [
      { shape: "t4", min: 3, max: 2 },
      "slipway:aws.pools.gpu.0.max is 2, must be at least min, 3. Raise max or lower min.",
    ],
    [{ shape: "t4", max: 0 }, "slipway:aws.pools.gpu.0.max is 0, must be a whole number of 1..450."],
    [{ shape: "t4", max: 451 }, "slipway:aws.pools.gpu.0.max is 451, must be a whole number of 1..450."],
    [
      { shape: "t4", max: 1, diskGiB: 59 },
      "slipway:aws.pools.gpu.0.diskGiB is 59, must be a whole number of 60..16384.",
    ],
  ] satisfies [GpuPoolConfig, unknown][])("refuses the GPU pool %j", (pool, fault) => {
    expect(faultsOf(withGpu(pool))).toEqual([fault]);
  });

  it.each([
    [{ system: { ...SYSTEM, min: 1 } }, "slipway:aws.pools.system.min is 1, must be a whole number of 2..450."],
    [{ cpu: { ...CPU, min: -1 } }, "slipway:aws.pools.cpu.min is -1, must be a whole number of 0..450."],
    [{ cpu: { ...CPU, max: 1.5 } }, "slipway:aws.pools.cpu.max is 1.5, must be a whole number of 1..450."],
    [{ cpu: { ...CPU, diskGiB: 19 } }, "slipway:aws.pools.cpu.diskGiB is 19, must be a whole number of 20..16384."],
    [
      { cpu: { ...CPU, instanceTypes: [] } },
      "slipway:aws.pools.cpu.instanceTypes is [], must be at least 1 different ones.",
    ],
    [
      { cpuSpot: { ...SPOT, instanceTypes: ["m7i.large", "m7i.large"] } },
      "slipway:aws.pools.cpuSpot.instanceTypes is [m7i.large, m7i.large], must be at least 2 different ones.",
    ],
    [
      { cpuSpot: { ...SPOT, instanceTypes: ["m7i.large", "m7i.xlarge"] } },
      "slipway:aws.pools.cpuSpot.instanceTypes is [m7i.large, m7i.xlarge], of unlike sizes; the autoscaler counts with one. Take one size of one family, as m7i.large, m7a.large.",
    ],
    [
      { cpu: { ...CPU, instanceTypes: ["m7g.large"] } },
      "slipway:aws.pools.cpu.instanceTypes is [m7g.large], and m7g.large is arm64; the images are built for amd64.",
    ],
    [
      { cpu: { ...CPU, instanceTypes: ["m9z.large"] } },
      "slipway:aws.pools.cpu.instanceTypes is [m9z.large], and no zone of the network (us-east-1a, us-east-1b, us-east-1c) offers m9z.large; nor does any other of the region. Take another type or add such a zone.",
    ],
  ] satisfies [Partial<NodePoolsConfig>, string][])("refuses %j", (change, fault) => {
    expect(faultsOf({ ...CONFIG, ...change })).toEqual([fault]);
  });

  it("refuses a second pool of the same shape and capacity, not one of another capacity", () => {
    expect(faultsOf(withGpu({ shape: "t4", max: 1 }, { shape: "t4", max: 2 }))).toEqual([
      "slipway:aws.pools.gpu.1 is another gpu-t4; there can be one. Put both into one, or take spot for one of them.",
    ]);
    expect(faultsOf(withGpu({ shape: "t4", max: 1 }, { shape: "t4", max: 2, capacity: "spot" }))).toEqual([]);
  });

  it("lists the faults of all pools at once", () => {
    const bad = { instanceTypes: ["m7g.large", "c7i.large"], min: 9, max: 8, diskGiB: 1 };
    const faults = faultsOf({
      zones: ZONES,
      system: { ...SYSTEM, ...bad },
      cpu: bad,
      cpuSpot: bad,
      gpu: [{ shape: "v100", max: 0 }],
    });
    expect(faults).toHaveLength(3 * 4 + 2);
  });

  it("refuses exactly what is not of one size, for whichever types", () => {
    fc.assert(
      fc.property(fc.subarray([...CPU_TYPES], { minLength: 2 }), (instanceTypes) => {
        const names = instanceTypes.map(readInstanceType);
        const sizes = new Set(names.map(({ likeness }) => likeness)).size;
        const arms = names.filter(({ architecture }) => architecture === "arm64").length;
        expect(faultsOf({ ...CONFIG, cpuSpot: { ...SPOT, instanceTypes } })).toHaveLength(
          Number(sizes > 1) + Number(arms > 0),
        );
      }),
    );
  });
});
