import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { contains, formatCidr, overlaps, parseCidr, size, split } from "./cidr.ts";
import {
  MINIMUM_ZONES,
  NAT_GATEWAYS,
  planNetwork,
  ZONE_SLOTS,
  type NetworkConfig,
  type NetworkPlan,
} from "./networks.ts";
import { PlanError } from "./plan-error.ts";

const ZONES = ["us-east-1a", "us-east-1b", "us-east-1c", "us-east-1d"] as const;
const THREE = ZONES.slice(0, 3);

const CONFIG: NetworkConfig = { cidr: "10.0.0.0/16", zones: THREE, reserved: [], natGateways: "per-zone" };

const subnetsOf = (plan: NetworkPlan) => [...plan.public, ...plan.private, ...plan.data];

/** Any VPC that is allowed, with nothing reserved. */
const configs = fc
  .record({
    prefix: fc.integer({ min: 16, max: 20 }),
    index: fc.nat(255),
    // Not the first zones in order: any, in any order.
    zones: fc.shuffledSubarray([...ZONES], { minLength: MINIMUM_ZONES, maxLength: ZONE_SLOTS }),
    natGateways: fc.constantFrom(...NAT_GATEWAYS),
  })
  .map(({ prefix, index, ...rest }): NetworkConfig => {
    return { ...rest, cidr: formatCidr(split(parseCidr("10.0.0.0/8"), prefix, index)), reserved: [] };
  });

function faultsOf(config: Partial<NetworkConfig>): readonly string[] {
  try {
    planNetwork("prod", { ...CONFIG, ...config });
  } catch (error) {
    if (error instanceof PlanError) return error.faults;
    throw error;
  }
  return [];
}

describe("planNetwork", () => {
  it("gives each zone a subnet of three tiers, the greatest to nodes and pods", () => {
    const plan = planNetwork("prod", { ...CONFIG, zones: ZONES });
    expect(plan.private.map(({ cidr }) => cidr)).toEqual([
      "10.0.0.0/19",
      "10.0.64.0/19",
      "10.0.128.0/19",
      "10.0.192.0/19",
    ]);
    expect(plan.public.map(({ cidr }) => cidr)).toEqual([
      "10.0.32.0/21",
      "10.0.96.0/21",
      "10.0.160.0/21",
      "10.0.224.0/21",
    ]);
    expect(plan.data[0]).toEqual({
      name: "data-us-east-1a",
      zone: "us-east-1a",
      cidr: "10.0.40.0/21",
      usableAddresses: 2043,
    });
    expect(plan.private[0]).toMatchObject({ name: "private-us-east-1a", usableAddresses: 8187, nat: "nat-us-east-1a" });
  });

  it("keeps every subnet inside the VPC and apart from the others", () => {
    fc.assert(
      fc.property(configs, (config) => {
        const blocks = subnetsOf(planNetwork("prod", config)).map(({ cidr }) => parseCidr(cidr));
        expect(blocks).toHaveLength(3 * config.zones.length);
        for (const [index, block] of blocks.entries()) {
          expect(contains(parseCidr(config.cidr), block)).toBe(true);
          expect(blocks.slice(index + 1).some((other) => overlaps(block, other))).toBe(false);
        }
      }),
    );
  });

  it("moves no subnet when a zone is added", () => {
    fc.assert(
      fc.property(configs, (config) => {
        const before = subnetsOf(planNetwork("prod", { ...config, zones: config.zones.slice(0, 3) }));
        const after = subnetsOf(planNetwork("prod", config));
        // All that was there is there as it was; with one NAT and with one a zone.
        expect(after).toEqual(expect.arrayContaining(before));
      }),
    );
  });

  it("leads every private subnet out by one NAT: that of its zone, or the only one", () => {
    fc.assert(
      fc.property(configs, (config) => {
        const { nats, private: subnets, public: doors } = planNetwork("prod", config);
        expect(nats.map(({ zone }) => zone)).toEqual(config.natGateways === "one" ? [config.zones[0]] : config.zones);
        for (const { nat, zone } of subnets) {
          const used = nats.filter(({ name }) => name === nat);
          expect(used).toHaveLength(1);
          expect(used[0]?.zone).toBe(config.natGateways === "one" ? config.zones[0] : zone);
        }
        for (const nat of nats) {
          expect(doors.filter(({ name, zone }) => name === nat.subnet && zone === nat.zone)).toHaveLength(1);
        }
      }),
    );
  });

  it("gives nodes and pods more than all the rest, and leaves a quarter of each slot free", () => {
    fc.assert(
      fc.property(configs, (config) => {
        const plan = planNetwork("prod", config);
        const sum = (subnets: NetworkPlan["public"]) =>
          subnets.reduce((total, { cidr }) => total + size(parseCidr(cidr)), 0);
        const slots = (size(parseCidr(config.cidr)) / ZONE_SLOTS) * config.zones.length;
        expect(sum(plan.private)).toBe(slots / 2);
        expect(sum(plan.public) + sum(plan.data)).toBe(slots / 4);
        for (const { cidr, usableAddresses } of subnetsOf(plan)) {
          expect(usableAddresses).toBe(size(parseCidr(cidr)) - 5);
          // A load balancer wants a /27 with 8 addresses free.
          expect(usableAddresses).toBeGreaterThanOrEqual(32);
        }
      }),
    );
  });
});

describe("refusals of planNetwork", () => {
  it("names the block and whose it is where they overlap, and a block that is free", () => {
    const reserved = [
      { name: "the cluster's services", cidr: "10.100.0.0/16" },
      { name: "peer office", cidr: "10.0.128.0/17" },
    ];
    expect(() => planNetwork("prod", { ...CONFIG, reserved })).toThrow(
      "The network of Pulumi.prod.yaml: 1 fault; nothing was created or changed.\n" +
        "  - slipway:aws.network.cidr is 10.0.0.0/16, and overlaps 10.0.128.0/17, which is reserved for peer office. " +
        "Choose another block, such as 10.1.0.0/16.",
    );
  });

  it("has no block to propose where all is reserved", () => {
    expect(faultsOf({ reserved: [{ name: "everything", cidr: "0.0.0.0/0" }] })).toEqual([
      "slipway:aws.network.cidr is 10.0.0.0/16, and overlaps 0.0.0.0/0, which is reserved for everything. Choose another block.",
    ]);
  });

  it("refuses exactly the plans that a reserved block meets, and what it proposes is accepted", () => {
    const blocks = fc
      .record({ prefix: fc.integer({ min: 9, max: 24 }), index: fc.nat(511) })
      .map(({ prefix, index }) => split(parseCidr("10.0.0.0/8"), prefix, index % 2 ** (prefix - 8)));
    fc.assert(
      fc.property(configs, fc.array(blocks, { maxLength: 4 }), (config, others) => {
        const reserved = others.map((block, n) => ({ name: `peer ${n}`, cidr: formatCidr(block) }));
        const met = others.filter((other) => overlaps(parseCidr(config.cidr), other));
        const faults = faultsOf({ ...config, reserved });
        expect(faults).toHaveLength(met.length);
        for (const fault of faults) {
          const proposed = /such as (\S+)\.$/.exec(fault)?.[1];
          if (proposed !== undefined) expect(faultsOf({ ...config, cidr: proposed, reserved })).toEqual([]);
          else expect(others.reduce((sum, other) => sum + size(other), 0)).toBeGreaterThanOrEqual(2 ** 23);
        }
      }),
    );
  });

  it.each([
    [{ cidr: "10.0.0.0/15" }, "slipway:aws.network.cidr is 10.0.0.0/15, its prefix must be /16../20."],
    [{ cidr: "10.0.0.0/21" }, "slipway:aws.network.cidr is 10.0.0.0/21, its prefix must be /16../20."],
    [
      { cidr: "10.0.0.1/16" },
      'slipway:aws.network.cidr: "10.0.0.1/16" is no block of IPv4 addresses: bits behind the prefix are set. Write 10.0.0.0/16.',
    ],
    [
      { cidr: "52.0.0.0/16" },
      "slipway:aws.network.cidr is 52.0.0.0/16, must lie in a block for private use: 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, 100.64.0.0/10.",
    ],
    [
      { reserved: [{ name: "peer office", cidr: "10.9/16" }] },
      'The block reserved for peer office: "10.9/16" is no block of IPv4 addresses: it has 2 octets, must have 4.',
    ],
    [
      { zones: ZONES.slice(0, 2) },
      "slipway:aws.network.zones is [us-east-1a, us-east-1b], must be at least 3 zones. Add 1 behind the others, or lower slipway:aws.network.minimumZones.",
    ],
    [
      { zones: [...ZONES, "us-east-1e"] },
      "slipway:aws.network.zones is [us-east-1a, us-east-1b, us-east-1c, us-east-1d, us-east-1e], must be at most 4 zones. Remove those at the end.",
    ],
    [
      { zones: [...THREE, "us-east-1"] },
      "slipway:aws.network.zones is [us-east-1a, us-east-1b, us-east-1c, us-east-1], and us-east-1 is no name of a zone, such as us-east-1a.",
    ],
    [
      { zones: [...THREE, "eu-west-1a"] },
      "slipway:aws.network.zones is [us-east-1a, us-east-1b, us-east-1c, eu-west-1a], zones of us-east-1 and eu-west-1; all must be of one region.",
    ],
  ] satisfies [Partial<NetworkConfig>, string][])("refuses %j", (config, fault) => {
    expect(faultsOf(config)).toEqual([fault]);
  });

  it("counts a zone that is named twice once", () => {
    expect(faultsOf({ zones: ["us-east-1a", "us-east-1b", "us-east-1b"] })).toEqual([
      expect.stringContaining("must be at least 3 zones. Add 1"),
      expect.stringContaining("names us-east-1b more than once"),
    ]);
  });

  it("takes fewer zones where the stack says so", () => {
    expect(faultsOf({ zones: ZONES.slice(0, 2), minimumZones: 2 })).toEqual([]);
  });

  it("lists the faults of block and zones at once", () => {
    expect(faultsOf({ cidr: "8.0.0.0/8", zones: [] })).toHaveLength(3);
  });
});
