import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { planNodePools } from "./node-pools.ts";
import { PlanError } from "./plan-error.ts";
import {
  rdsMaxConnections,
  resolveSize,
  SIZE_NAMES,
  type PoolSize,
  type ResolvedSize,
  type SizeName,
  type SizeOverrides,
} from "./sizes.ts";

const sizes: readonly (readonly [SizeName, ResolvedSize])[] = SIZE_NAMES.map((name) => [
  name,
  resolveSize("prod", name),
]);

function faultsOf(overrides: SizeOverrides, name: string = "small"): readonly string[] {
  try {
    resolveSize("prod", name, overrides);
  } catch (error) {
    if (error instanceof PlanError) return error.faults;
    throw error;
  }
  return [];
}

/** Types of the family m: two CPUs and 8 GiB for a large, doubled from size to size. */
const M_SIZES: Readonly<Record<string, number>> = { large: 1, xlarge: 2, "2xlarge": 4, "4xlarge": 8 };

/** How many pods fit on a node of a pool, once kubelet, system and DaemonSets have had their share. */
function podsPerNode({ instanceTypes }: PoolSize, { cpus, memoryMiB }: { cpus: number; memoryMiB: number }): number {
  const factor = M_SIZES[/^m\d\w+\.(\w+)$/.exec(instanceTypes[0] ?? "")?.[1] ?? ""] ?? 0;
  return Math.floor(Math.min((2 * factor - 0.4) / cpus, (0.9 * 8192 * factor - 1024) / memoryMiB));
}

describe("rdsMaxConnections", () => {
  it.each([
    [4, 450],
    [16, 1802],
    [32, 3604],
    [64, 5000],
  ])("of %d GiB is %d, by the formula of RDS", (memoryGiB, connections) => {
    expect(rdsMaxConnections(memoryGiB)).toBe(connections);
  });
});

describe("sizes", () => {
  it("are small, medium and large, each greater than the one before", () => {
    expect(SIZE_NAMES).toEqual(["small", "medium", "large"]);
    for (const [index, [, size]] of sizes.entries()) {
      const before = sizes[index - 1]?.[1];
      if (!before) continue;
      expect(size.database.memoryGiB).toBeGreaterThan(before.database.memoryGiB);
      expect(size.database.storageGiB).toBeGreaterThan(before.database.storageGiB);
      expect(size.cache.memoryGiB).toBeGreaterThan(before.cache.memoryGiB);
      expect(size.api.maxReplicas).toBeGreaterThan(before.api.maxReplicas);
      expect(size.worker.maxReplicas).toBeGreaterThan(before.worker.maxReplicas);
    }
    expect(sizes.map(([, { natGateways }]) => natGateways)).toEqual(["one", "per-zone", "per-zone"]);
  });

  it.each(sizes)("%s survives the loss of an API and of a system node", (_name, { api, system }) => {
    expect(api.replicas).toBeGreaterThanOrEqual(2);
    expect(system.min).toBeGreaterThanOrEqual(2);
  });

  it.each(sizes)("%s asks for no more connections than RDS gives", (_name, size) => {
    expect(size.database.maxConnections).toBeLessThanOrEqual(rdsMaxConnections(size.database.memoryGiB));
  });

  it.each(sizes)(
    "%s has nodes for them: the API twice and the least workers on demand, all workers on spot",
    (_name, size) => {
      const { api, worker, cpu, cpuSpot } = size;
      const forApi = Math.ceil((2 * api.maxReplicas) / podsPerNode(cpu, api));
      const forWorkers = Math.ceil(worker.replicas / podsPerNode(cpu, worker));
      expect(forApi + forWorkers).toBeLessThanOrEqual(cpu.max);
      expect(Math.ceil(worker.maxReplicas / podsPerNode(cpuSpot, worker))).toBeLessThanOrEqual(cpuSpot.max);
    },
  );

  it.each(sizes)("%s has pools that can be planned where its types are offered", (_name, { system, cpu, cpuSpot }) => {
    const zones = ["us-east-1a", "us-east-1b", "us-east-1c"];
    const types = [system, cpu, cpuSpot].flatMap(({ instanceTypes }) => instanceTypes);
    const offerings = new Map(types.map((type) => [type, zones]));
    const pools = { zones, system: { ...system, dedicated: true }, cpu, cpuSpot, gpu: [] };
    expect(planNodePools("prod", pools, offerings)).toHaveLength(3);
  });
});

/** Numbers that are allowed, of every kind; not all fit the database, which is for who knows what runs. */
const overrides = fc.record(
  {
    database: fc.record({ storageGiB: fc.integer({ min: 20, max: 65_536 }) }, { requiredKeys: [] }),
    api: fc.record({ maxReplicas: fc.integer({ min: 6, max: 1000 }), cpus: fc.integer({ min: 1, max: 192 }) }),
    worker: fc.record({
      maxReplicas: fc.integer({ min: 6, max: 1000 }),
      concurrency: fc.integer({ min: 1, max: 256 }),
    }),
    gpu: fc.record({ maxReplicas: fc.integer({ min: 0, max: 1000 }) }),
    cpu: fc.record({ max: fc.integer({ min: 1, max: 450 }) }),
    natGateways: fc.constantFrom("one", "per-zone"),
  },
  { requiredKeys: [] },
) satisfies fc.Arbitrary<SizeOverrides>;

/** Numbers that no size has, and every size takes; 20 for what is not here. */
const OTHERS: Readonly<Record<string, number>> = { baseline: 0.5, replicas: 1, maxConnections: 700, memoryMiB: 2000 };

describe("resolveSize", () => {
  it("takes what a stack says, and leaves the rest", () => {
    fc.assert(
      fc.property(fc.constantFrom(...sizes), overrides, ([name, base], changed) => {
        const resolve = () => resolveSize("prod", name, changed);
        const { natGateways = base.natGateways, ...sections } = changed;
        expect(resolve()).toMatchObject({ ...sections, natGateways });
        expect(resolve()).toEqual({
          ...base,
          natGateways,
          database: { ...base.database, ...changed.database },
          api: { ...base.api, ...changed.api },
          worker: { ...base.worker, ...changed.worker },
          gpu: { ...base.gpu, ...changed.gpu },
          cpu: { ...base.cpu, ...changed.cpu },
        });
      }),
    );
  });

  it("lets every number of every section be overridden", () => {
    const numbers = sizes.flatMap(([, size]) =>
      Object.entries(size).flatMap(([section, values]: [string, unknown]) =>
        Object.entries(Object(values) as object)
          .filter(([, value]) => typeof value === "number")
          .map(([key]) => [section, key] as const),
      ),
    );
    expect(numbers.length).toBeGreaterThan(60);
    for (const [section, key] of numbers) {
      const value = OTHERS[key] ?? 20;
      expect(resolveSize("prod", "medium", { [section]: { [key]: value } })).toMatchObject({
        [section]: { [key]: value },
      });
    }
  });

  it("takes a key without a value for one that is not there", () => {
    expect(resolveSize("prod", "small", { api: { maxReplicas: undefined }, cache: undefined })).toEqual(sizes[0]?.[1]);
  });

  it("estimates the connections of another class by its memory, and takes a number that is said", () => {
    const bigger = { instanceClass: "db.m7g.large", vcpus: 2, baseline: 1, memoryGiB: 8 };
    expect(resolveSize("prod", "small", { database: bigger }).database.maxConnections).toBe(766);
    expect(resolveSize("prod", "small", { database: { ...bigger, maxConnections: 500 } }).database.maxConnections).toBe(
      500,
    );
  });

  it.each([
    [
      { api: { replicas: 5 } },
      "slipway:aws.overrides.api.replicas is 5, must be at most maxReplicas, 4. Lower it or raise slipway:aws.overrides.api.maxReplicas.",
    ],
    [
      { database: { maxConnections: 451 } },
      "slipway:aws.overrides.database.maxConnections is 451, must be at most 450: 4 GiB hold no more. Lower it or take a greater class.",
    ],
    [
      { database: { instanceClass: "db.m7g.large", vcpus: 2, baseline: 1 } },
      "slipway:aws.overrides.database.instanceClass is db.m7g.large, must come with database.memoryGiB. Set slipway:aws.overrides.database.memoryGiB.",
    ],
    [
      { cache: { nodeType: "cache.m7g.large" } },
      "slipway:aws.overrides.cache.nodeType is cache.m7g.large, must come with cache.memoryGiB. Set slipway:aws.overrides.cache.memoryGiB.",
    ],
    [
      { database: { storageGiB: 19 } },
      "slipway:aws.overrides.database.storageGiB is 19, must be a whole number of 20..65536.",
    ],
    [
      { worker: { concurrency: 1.5 } },
      "slipway:aws.overrides.worker.concurrency is 1.5, must be a whole number of 1..256.",
    ],
    [{ api: { cpus: Number.NaN } }, "slipway:aws.overrides.api.cpus is NaN, must be a number of 0.1..192."],
    [{ gpu: { maxReplicas: -1 } }, "slipway:aws.overrides.gpu.maxReplicas is -1, must be a whole number of 0..1000."],
  ] satisfies [SizeOverrides, string][])("refuses %j", (wrong, fault) => {
    expect(faultsOf(wrong)).toEqual([fault]);
  });

  it("refuses an unknown size", () => {
    expect(faultsOf({}, "huge")).toEqual(["slipway:aws.size is huge, must be one of small, medium, large."]);
    expect(faultsOf({}, "toString")).toHaveLength(1);
  });

  it("lists all faults at once", () => {
    expect(faultsOf({ api: { cpus: 0, memoryMiB: 1 }, database: { instanceClass: "db.m7g.large" } })).toHaveLength(5);
  });
});
