import { readFileSync } from "node:fs";
import { join } from "node:path";
import { EXIT } from "../backup/protocol.ts";
import { SECRET_KEYS, StackConfigError, type StackConfig } from "../configs/stack.ts";
import { ENDPOINT_SERVICES } from "../configs/aws-settings.ts";
import { awsOf, awsPools, awsSize } from "../infra/aws/plans.ts";
import { planCost, type Cost, type CostInput } from "../infra/plan/cost.ts";
import { PlanError } from "../infra/plan/plan-error.ts";
import { parsePrices, type PriceTable } from "../infra/plan/prices.ts";
import { UserError } from "../toolchain/command.ts";
import { ROOT } from "../toolchain/folders.ts";
import { readStackConfig } from "./stack-config.ts";

/** Where the table of prices lies. */
export const PRICES_FILE = join(ROOT, "infra/plan/prices.json");

/** Keys that a stack makes, beside one for copies of backups; infra/aws/keys.ts has them. */
export const KMS_KEYS = 8;

/** Groups of AWS' rules, and the rate rule; infra/aws/web-firewall.ts has them. */
export const FIREWALL_RULES = 4;

/** How a preview ends whose stack would cost more than it may. */
export const OVER_BUDGET = 4;

/** What a stack costs, and what it may. */
export interface StackCost extends Cost {
  /** What its file says that a month may cost. */
  readonly budgetUsd: number | undefined;
}

export function readPrices(): PriceTable {
  return parsePrices(readFileSync(PRICES_FILE, "utf8"));
}

/**
 * What the file of a stack costs on AWS; nothing for one on machines that are there already, or that has no file.
 *
 * @param root of the checkout
 * @throws UserError with every fault of the file
 */
export function stackCost(stack: string, root: string, prices: PriceTable = readPrices()): StackCost | undefined {
  try {
    const config = readStackConfig(stack, root);
    if (config?.platform !== "aws") return undefined;
    return { ...planCost(costInput(stack, config), prices), budgetUsd: config.budget?.monthlyUsd };
  } catch (error) {
    if (!(error instanceof StackConfigError || error instanceof PlanError)) throw error;
    throw new UserError(error.message, EXIT.usage);
  }
}

function costInput(stack: string, file: StackConfig): CostInput {
  const settings = awsOf(file);
  const size = awsSize(stack, settings);
  const { backup, cache, database, edge, mirrors } = settings.data;
  const copyRegion = backup.copyRegion === "none" ? undefined : backup.copyRegion;
  return {
    ...{ region: settings.region, size, pools: awsPools(settings, size), copyRegion },
    ...{ cacheEngine: cache.engine, cacheNodes: cache.nodes },
    databases: (database.keepFirst ? 1 : 0) + database.restored.length,
    endpoints: settings.network.endpoints.filter((name) => Object.hasOwn(ENDPOINT_SERVICES, name)).length,
    kmsKeys: KMS_KEYS + (copyRegion === undefined ? 0 : 1),
    firewallRules: FIREWALL_RULES + (edge?.firewall.sqlInjection === true ? 1 : 0),
    secrets: mirrors.enabled ? SECRET_KEYS.length : 0,
  };
}

/** How much more, or less, the least of a month costs than another one. */
export function difference(cost: StackCost, before: StackCost | undefined): number | undefined {
  return before === undefined ? undefined : cost.least - before.least;
}

/** Whether what always runs costs more than the stack's file allows. */
export function isOverBudget({ least, budgetUsd }: StackCost): boolean {
  return budgetUsd !== undefined && least > budgetUsd;
}
