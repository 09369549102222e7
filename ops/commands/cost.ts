import { writeFileSync } from "node:fs";
import { EXIT } from "../../backup/protocol.ts";
import { formatPrices } from "../../infra/plan/prices.ts";
import { UserError } from "../../toolchain/command.ts";
import { findFolders } from "../../toolchain/folders.ts";
import { openStack } from "../../toolchain/platforms/platforms.ts";
import { costText, perThousand } from "../cost-text.ts";
import { PRICES_FILE, readPrices, stackCost } from "../cost.ts";
import { secondsOf } from "../duration.ts";
import { PRICE_LIST, refreshed } from "../price-list.ts";
import { jobsPerMonth } from "../load.ts";
import { measuredRates } from "../measured-rates.ts";
import { runOps, type Asked, type Said } from "../run-ops.ts";

const OPTIONS = {
  "jobs-per-month": { type: "string" },
  measured: { type: "boolean", default: false },
  since: { type: "string", default: "1d" },
  "refresh-prices": { type: "boolean", default: false },
} as const;

export function run(): Promise<void> {
  return runOps({
    name: "cost",
    platforms: ["docker", "kubernetes", "aws"],
    summary:
      "what a month of the stack costs on AWS by a table of prices, from what always runs to what autoscalers may add, and its GPU hours.",
    options: OPTIONS,
    optionLines: [
      "--jobs-per-month N  says what 1,000 jobs of so many cost",
      "--measured          the same of what came in the last --since, as if it came all month",
      "--since 1d          how long that is; default 1d",
      "--refresh-prices    writes the table anew from AWS' public list; where that does not answer, it stays as it is",
    ],
    examples: [
      "./slipway cost --stack prod",
      "./slipway cost --stack prod --jobs-per-month 2000000 --json",
      "./slipway cost --stack prod --measured --since 7d",
    ],
    run: async (asked) => {
      const { stack, values, steps } = asked;
      const jobs = values.measured ? await measuredJobs(asked) : readJobs(values["jobs-per-month"]);
      if (values["refresh-prices"]) {
        const table = await steps.run("Prices", (report) => refreshed(readPrices(), PRICE_LIST, report));
        writeFileSync(PRICES_FILE, formatPrices(table));
      }
      return said(stack, jobs);
    },
  });
}

function said(stack: string, jobs: number | undefined): Said {
  const cost = stackCost(stack, findFolders().root);
  if (cost === undefined) {
    const text = `${stack}: stands on machines that are there already; nothing of it has a price here.\n`;
    return { code: EXIT.good, result: { lines: [] }, text };
  }
  const result = { ...cost, perThousandJobs: perThousand(cost, jobs) };
  return { code: EXIT.good, result, text: costText(stack, cost, jobs) };
}

/** Jobs of a month in which as many come as did of late. */
async function measuredJobs({ stack, platform, values, steps }: Asked<typeof OPTIONS>): Promise<number | undefined> {
  if (values["jobs-per-month"] !== undefined)
    throw new UserError("--measured and --jobs-per-month do not go together: both say how many jobs come.", EXIT.usage);
  const since = secondsOf("--since", values.since);
  // Nothing of it has a price, whatever comes.
  if (platform !== "aws") return undefined;
  return jobsPerMonth(await measuredRates(await openStack(stack, findFolders(), steps), since), since);
}

function readJobs(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (/^[1-9]\d{0,11}$/.test(text)) return Number(text);
  throw new UserError(`--jobs-per-month is ${JSON.stringify(text)}; it must be a whole number, 1 or more.`, EXIT.usage);
}
