import { CidrError, contains, formatCidr, overlaps, parseCidr, size, split, type Cidr } from "./cidr.ts";
import { PlanError } from "./plan-error.ts";

/**
 * How a VPC is divided. It falls into four slots, one a zone, in the order of the stack's file. Half of a slot is for nodes
 * and pods, an eighth each for what faces the public and for data, and a quarter stays free for tiers to come:
 *
 *     slot, of a /16 a /18 |  private /19  | public /21 | data /21 |  free /20  |
 */

/** Zones that a VPC has room for. A zone added behind the others moves none of their subnets. */
export const ZONE_SLOTS = 4;

/** Zones that a stack has at least, unless it says otherwise: a majority stays when one goes. */
export const MINIMUM_ZONES = 3;

/** Addresses of every subnet that AWS keeps: network, router, DNS, one for later, broadcast. */
export const AWS_RESERVED_ADDRESSES = 5;

/** `one`: cheap, and the way out of every zone ends with the first. `per-zone`: zones do not need each other. */
export const NAT_GATEWAYS = ["one", "per-zone"] as const;
export type NatGateways = (typeof NAT_GATEWAYS)[number];

/** `public`: load balancers and NAT. `private`: nodes and pods. `data`: databases and caches, without a way out. */
export type Tier = "public" | "private" | "data";

const SHORTEST_PREFIX = 16;
const LONGEST_PREFIX = 20;

/** Where each tier lies in its slot: bits beyond the VPC's prefix, and which of the slot's parts of that length. */
const LAYOUT = {
  private: { bits: 3, index: 0 },
  public: { bits: 5, index: 4 },
  data: { bits: 5, index: 5 },
} as const satisfies Record<Tier, { readonly bits: number; readonly index: number }>;

const SLOT_BITS = 2;

/** Blocks for private use, those of carriers included; AWS routes others too, but then their owners cannot be reached. */
const PRIVATE_BLOCKS = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10"];

const KEYS = {
  cidr: "slipway:aws.network.cidr",
  zones: "slipway:aws.network.zones",
} as const;

/** A block that the VPC must keep clear of. */
export interface ReservedBlock {
  /** What it belongs to: a peer, the cluster's services. */
  readonly name: string;
  readonly cidr: string;
}

export interface NetworkConfig {
  /** Block of the VPC, /16../20 of the blocks for private use. */
  readonly cidr: string;
  /** Zones of one region, such as us-east-1a, in order. A new one goes behind the others; the order never changes. */
  readonly zones: readonly string[];
  /** @default 3 */
  readonly minimumZones?: number;
  readonly reserved: readonly ReservedBlock[];
  readonly natGateways: NatGateways;
}

export interface SubnetPlan {
  /** `<tier>-<zone>`: a name for good, whatever zones come later. */
  readonly name: string;
  readonly zone: string;
  readonly cidr: string;
  /** Addresses that are left for use. */
  readonly usableAddresses: number;
}

export interface PrivateSubnetPlan extends SubnetPlan {
  /** Name of the NAT gateway that its traffic to the outside takes. */
  readonly nat: string;
}

export interface NatPlan {
  /** `nat-<zone>` */
  readonly name: string;
  readonly zone: string;
  /** Name of the public subnet it stands in. */
  readonly subnet: string;
}

export interface NetworkPlan {
  readonly cidr: string;
  readonly public: readonly SubnetPlan[];
  readonly private: readonly PrivateSubnetPlan[];
  readonly data: readonly SubnetPlan[];
  readonly nats: readonly NatPlan[];
}

/**
 * Divides a VPC into subnets.
 *
 * @param stack the stack's name, for messages
 * @throws PlanError with every fault and the key to change
 */
export function planNetwork(stack: string, config: NetworkConfig): NetworkPlan {
  const { cidr, zones } = config;
  const block = tryParse(cidr);
  const faults = [
    ...(block instanceof CidrError ? [`${KEYS.cidr}: ${block.message}`] : blockFaults(block, config.reserved)),
    ...zoneFaults(zones, config.minimumZones ?? MINIMUM_ZONES),
  ];
  if (faults.length > 0 || block instanceof CidrError) throw new PlanError(stack, "network", faults);
  const natZones = config.natGateways === "one" ? zones.slice(0, 1) : zones;
  const natOf = (zone: string) => `nat-${natZones.includes(zone) ? zone : (natZones[0] ?? zone)}`;
  return {
    cidr,
    public: zones.map((zone, slot) => subnet(block, "public", zone, slot)),
    private: zones.map((zone, slot) => ({ ...subnet(block, "private", zone, slot), nat: natOf(zone) })),
    data: zones.map((zone, slot) => subnet(block, "data", zone, slot)),
    nats: natZones.map((zone) => ({ name: `nat-${zone}`, zone, subnet: nameOf("public", zone) })),
  };
}

function subnet(vpc: Cidr, tier: Tier, zone: string, slot: number): SubnetPlan {
  const { bits, index } = LAYOUT[tier];
  const part = split(split(vpc, vpc.prefix + SLOT_BITS, slot), vpc.prefix + bits, index);
  return {
    name: nameOf(tier, zone),
    zone,
    cidr: formatCidr(part),
    usableAddresses: size(part) - AWS_RESERVED_ADDRESSES,
  };
}

function nameOf(tier: Tier, zone: string): string {
  return `${tier}-${zone}`;
}

function tryParse(text: string): Cidr | CidrError {
  try {
    return parseCidr(text);
  } catch (error) {
    if (error instanceof CidrError) return error;
    throw error;
  }
}

function blockFaults(block: Cidr, reserved: readonly ReservedBlock[]): string[] {
  const got = `${KEYS.cidr} is ${formatCidr(block)}`;
  const parsed = reserved.map(({ name, cidr }) => ({ name, cidr, block: tryParse(cidr) }));
  const known = parsed.flatMap((entry) => (entry.block instanceof CidrError ? [] : [{ ...entry, block: entry.block }]));
  const free = freeBlock(
    block.prefix,
    known.map((entry) => entry.block),
  );
  const fix = `Choose another block${free === undefined ? "" : `, such as ${free}`}.`;
  return [
    ...(block.prefix < SHORTEST_PREFIX || block.prefix > LONGEST_PREFIX
      ? [`${got}, its prefix must be /${SHORTEST_PREFIX}../${LONGEST_PREFIX}.`]
      : []),
    ...(PRIVATE_BLOCKS.some((one) => contains(parseCidr(one), block))
      ? []
      : [`${got}, must lie in a block for private use: ${PRIVATE_BLOCKS.join(", ")}.`]),
    ...parsed.flatMap(({ name, block: other }) =>
      other instanceof CidrError ? [`The block reserved for ${name}: ${other.message}`] : [],
    ),
    ...known.flatMap(({ name, cidr, block: other }) =>
      overlaps(block, other) ? [`${got}, and overlaps ${cidr}, which is reserved for ${name}. ${fix}`] : [],
    ),
  ];
}

/** The first block of 10.0.0.0/8 that nothing is reserved in. */
function freeBlock(prefix: number, reserved: readonly Cidr[]): string | undefined {
  const whole = parseCidr("10.0.0.0/8");
  if (prefix < SHORTEST_PREFIX || prefix > LONGEST_PREFIX) return undefined;
  for (let index = 0; index < 2 ** (prefix - whole.prefix); index += 1) {
    const candidate = split(whole, prefix, index);
    if (!reserved.some((other) => overlaps(candidate, other))) return formatCidr(candidate);
  }
  return undefined;
}

function zoneFaults(zones: readonly string[], minimum: number): string[] {
  const got = `${KEYS.zones} is [${zones.join(", ")}]`;
  const twice = zones.filter((zone, index) => zones.indexOf(zone) < index);
  const odd = zones.filter((zone) => !/^[a-z]{2}(-[a-z]+)+-\d+[a-z]$/.test(zone));
  const regions = new Set(zones.filter((zone) => !odd.includes(zone)).map((zone) => zone.slice(0, -1)));
  const count = zones.length - twice.length;
  return [
    ...(count < minimum
      ? [
          `${got}, must be at least ${minimum} zones. Add ${minimum - count} behind the others, or lower slipway:aws.network.minimumZones.`,
        ]
      : []),
    ...(count > ZONE_SLOTS ? [`${got}, must be at most ${ZONE_SLOTS} zones. Remove those at the end.`] : []),
    ...(twice.length > 0 ? [`${got}, and names ${twice.join(", ")} more than once. Name each zone once.`] : []),
    ...(odd.length > 0 ? [`${got}, and ${odd.join(", ")} is no name of a zone, such as us-east-1a.`] : []),
    ...(regions.size > 1 ? [`${got}, zones of ${[...regions].join(" and ")}; all must be of one region.`] : []),
  ];
}
