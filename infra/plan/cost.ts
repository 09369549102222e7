import { gpuShape } from "./gpu-shapes.ts";
import { gpuPoolName } from "./node-pool-faults.ts";
import type { GpuPoolConfig, NodePoolsConfig } from "./node-pool-config.ts";
import { monthlyPrice, MONTH_HOURS, type Price, type PriceTable } from "./prices.ts";
import type { ResolvedSize } from "./sizes.ts";

/** What a stack on AWS costs by its plan: from what always runs to what autoscalers may add. */

export interface CostInput {
  readonly region: string;
  readonly size: ResolvedSize;
  readonly pools: NodePoolsConfig;
  readonly cacheEngine: "valkey" | "redis";
  readonly cacheNodes: number;
  /** Databases that run side by side: more than one after a restore. */
  readonly databases: number;
  readonly endpoints: number;
  /** Region with a copy of every backup. */
  readonly copyRegion?: string | undefined;
  readonly kmsKeys: number;
  readonly firewallRules: number;
  readonly secrets: number;
}

/** A line of the bill: how many there are at least and at most. */
interface Item {
  readonly service: string;
  readonly name: string;
  readonly least: number;
  readonly most: number;
  /** What it is for. */
  readonly what: string;
}

export interface CostLine {
  readonly what: string;
  readonly name: string;
  /** US dollars a month. */
  readonly least: number;
  readonly most: number;
}

export interface GpuHours {
  readonly pool: string;
  readonly model: string;
  /** GPUs times hours of a month. */
  readonly least: number;
  readonly most: number;
}

export interface Cost {
  readonly lines: readonly CostLine[];
  /** US dollars a month. */
  readonly least: number;
  readonly most: number;
  readonly gpuHours: readonly GpuHours[];
  /** What has no price in the table, for this region. */
  readonly unpriced: readonly string[];
  /** By what it was counted; nothing where nothing has a price. */
  readonly prices?: UsedPrices;
}

/** The prices that a sum was made with. */
export interface UsedPrices {
  /** When the oldest of them was taken: a day or a month. */
  readonly oldest: string;
  readonly sources: readonly string[];
}

/** Costs by use, which no plan tells of. */
export const NOT_COUNTED =
  "traffic, requests, load balancer capacity units, logs, metrics and alarms, artifacts and their backups, spot discounts, support and taxes";

/** What the plan costs by a table of prices. */
export function planCost(input: CostInput, prices: PriceTable): Cost {
  const lines: CostLine[] = [];
  const unpriced: string[] = [];
  const used: Price[] = [];
  for (const { service, name, least, most, what } of itemsOf(input, prices)) {
    const found = monthlyPrice(prices, service, name, input.region);
    if (found === undefined) unpriced.push(`${service} ${name} in ${input.region}`);
    else if (most > 0) {
      lines.push({ what, name: `${service} ${name}`, least: least * found.usd, most: most * found.usd });
      used.push(found.price);
    }
  }
  const sum = (which: "least" | "most") => lines.reduce((all, line) => all + line[which], 0);
  const gpuHours = input.pools.gpu.map(gpuHoursOf);
  return { lines, least: sum("least"), most: sum("most"), gpuHours, unpriced, ...usedPrices(used, prices) };
}

/** Dates begin with the year: the oldest is the first by their letters, and a month comes before its days. */
function usedPrices(used: readonly Price[], { sources }: PriceTable): Pick<Cost, "prices"> {
  const [oldest] = used.map(({ date }) => date).sort();
  if (oldest === undefined) return {};
  return { prices: { oldest, sources: [...new Set(used.map(({ source }) => sources[source] ?? source))] } };
}

function itemsOf(input: CostInput, prices: PriceTable): readonly Item[] {
  const { size, pools, cacheEngine, cacheNodes, databases, endpoints, copyRegion } = input;
  const zones = pools.zones.length;
  const gateways = size.natGateways === "one" ? 1 : zones;
  const storage = size.database.storageGiB * databases;
  const always = (service: string, name: string, count: number, what: string): Item => ({
    ...{ service, name, what, least: count, most: count },
  });
  return [
    always("EKS", "cluster", 1, "control plane"),
    ...nodesOf(input, prices),
    always("RDS", `${size.database.instanceClass}, Multi-AZ`, databases, "Postgres"),
    always("RDS", "gp3, Multi-AZ", storage, "Postgres' disks"),
    always("ElastiCache", `${size.cache.nodeType}, ${cacheEngine}`, cacheNodes, "Redis"),
    // One full copy of the disks; increments come on top.
    always("Backup", "RDS snapshots", storage, "backups of Postgres"),
    ...(copyRegion === undefined
      ? []
      : // At this region's price: others differ by little.
        [always("Backup", "RDS snapshots", storage, `their copies in ${copyRegion}`)]),
    always("EC2", "NAT gateway", gateways, "way out"),
    always("VPC", "interface endpoint", endpoints * zones, "way to AWS"),
    always("VPC", "public IPv4 address", gateways + zones, "addresses of both ways"),
    always("ELB", "application load balancer", 1, "way in"),
    always("WAF", "web ACL", 1, "firewall"),
    always("WAF", "rule", input.firewallRules, "firewall's rules"),
    always("KMS", "key", input.kmsKeys, "keys"),
    always("Secrets Manager", "secret", input.secrets, "mirrors of secrets"),
  ];
}

/** Nodes of each pool and their disks: of several types the cheapest at least, the dearest at most, on demand, as spot prices are nobody's to know. */
function nodesOf({ pools, region }: CostInput, prices: PriceTable): readonly Item[] {
  const { system, cpu, cpuSpot, gpu } = pools;
  const plans = [
    { name: "system", ...system },
    { name: "cpu", ...cpu },
    ...(cpuSpot === undefined ? [] : [{ name: "cpu-spot", ...cpuSpot }]),
    ...gpu.map((pool) => ({
      min: 0,
      diskGiB: 120,
      ...pool,
      name: gpuPoolName(pool),
      instanceTypes: [shapeOf(pool).instanceType],
    })),
  ];
  return plans.flatMap(({ name, instanceTypes, min, max, diskGiB }) => {
    const usdOf = (type: string) => monthlyPrice(prices, "EC2", type, region)?.usd ?? 0;
    const byPrice = [...instanceTypes].sort((a, b) => usdOf(a) - usdOf(b));
    const [cheapest = "", dearest = ""] = [byPrice[0], byPrice.at(-1)];
    const what = `nodes of ${name}`;
    const nodes =
      cheapest === dearest
        ? [{ service: "EC2", name: cheapest, least: min, most: max, what }]
        : [
            { service: "EC2", name: cheapest, least: min, most: min, what },
            { service: "EC2", name: dearest, least: 0, most: max - min, what },
          ];
    return [
      ...nodes,
      { service: "EC2", name: "EBS gp3", least: min * diskGiB, most: max * diskGiB, what: `disks of ${name}` },
    ];
  });
}

function shapeOf({ shape }: GpuPoolConfig) {
  return gpuShape(shape as Parameters<typeof gpuShape>[0]);
}

function gpuHoursOf(pool: GpuPoolConfig): GpuHours {
  const { model, gpus } = shapeOf(pool);
  return {
    ...{ pool: gpuPoolName(pool), model },
    least: (pool.min ?? 0) * gpus * MONTH_HOURS,
    most: pool.max * gpus * MONTH_HOURS,
  };
}
