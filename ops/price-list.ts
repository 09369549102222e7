import { createInterface } from "node:readline";
import { Readable } from "node:stream";
import { pricesOf, type Price, type PriceRow, type PriceTable } from "../infra/plan/prices.ts";
import { UserError } from "../toolchain/command.ts";
import type { Report } from "../toolchain/steps.ts";

/** Where AWS gives its list of prices to everybody. */
export const PRICE_LIST = "https://pricing.us-east-1.amazonaws.com";

/** Stands beside each price that is from there. */
const SOURCE = "list";

/**
 * The table with prices of today; those that the list does not name stay, with their date and source. Read line by line, as the file of EC2 has
 * hundreds of megabytes.
 *
 * @param list where the list is
 * @throws UserError where it does not answer, or is not what it was; nothing is written then
 */
export async function refreshed(table: PriceTable, list: string, report: Report): Promise<PriceTable> {
  const regions = [...new Set(table.rows.flatMap(({ prices }) => Object.keys(prices)))];
  const offers = [...new Set(table.rows.flatMap(({ match }) => match?.offer ?? []))];
  const found = new Map<PriceRow, Record<string, Price>>();
  const date = new Date().toISOString().slice(0, 10);
  for (const offer of offers)
    for (const region of regions) {
      report(`${offer} in ${region}`);
      const rows = table.rows.filter(({ match }) => match?.offer === offer);
      for (const [row, usd] of await listed(rows, `${list}/offers/v1.0/aws/${offer}/current/${region}/index.csv`))
        found.set(row, { ...found.get(row), [region]: { usd, date, source: SOURCE } });
    }
  const rows = table.rows.map((row) => ({ ...row, prices: { ...row.prices, ...found.get(row) } }));
  const used = new Set(pricesOf(rows).map(({ source }) => source));
  const sources = { ...table.sources, [SOURCE]: "AWS' public list of prices, on demand" };
  return { sources: Object.fromEntries(Object.entries(sources).filter(([name]) => used.has(name))), rows };
}

async function listed(rows: readonly PriceRow[], url: string): Promise<ReadonlyMap<PriceRow, number>> {
  const found = new Map<PriceRow, number>();
  let columns: ReadonlyMap<string, number> | undefined;
  for await (const line of await linesOf(url)) {
    const cells = cellsOf(line);
    if (cells[0] === "SKU") columns = new Map(cells.map((name, at) => [name, at]));
    else if (columns !== undefined) {
      const cell = (name: string) => cells[columns?.get(name) ?? -1] ?? "";
      const usd = Number(cell("PricePerUnit"));
      // The first of several tiers, and no reservation.
      const isPrice = cell("TermType") === "OnDemand" && usd > 0 && ["", "0"].includes(cell("StartingRange"));
      for (const row of isPrice ? rows : []) if (isOf(row, cell) && !found.has(row)) found.set(row, usd);
    }
  }
  if (columns !== undefined) return found;
  throw new UserError(`${url} is no list of prices: it has no line that begins with SKU. Nothing was written.`);
}

async function linesOf(url: string): Promise<AsyncIterable<string>> {
  const response = await fetch(url).catch((error: unknown) => {
    throw new UserError(
      `${url} does not answer: ${String(error)}. Nothing was written; prices are of the days that stand beside them.`,
    );
  });
  if (!response.ok || response.body === null)
    throw new UserError(`${url} answered with ${response.status}, must be 200. Nothing was written.`);
  return createInterface({ input: Readable.fromWeb(response.body), crlfDelay: Infinity });
}

/** Kinds of use begin with the letters of a region, but for those of us-east-1: `EUC1-BoxUsage:m7i.large`. */
function isOf({ match }: PriceRow, cell: (name: string) => string): boolean {
  if (match === undefined) return false;
  const usage = cell("usageType");
  const isUsage =
    usage === match.usage ||
    (usage.endsWith(`-${match.usage}`) && /^[A-Za-z0-9-]+-$/.test(usage.slice(0, -match.usage.length)));
  return isUsage && (match.operation === undefined || cell("operation") === match.operation);
}

/** Cells of a line of CSV, each in quotes or not. */
function cellsOf(line: string): string[] {
  return [...line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g)].map(([, quoted, plain]) =>
    quoted === undefined ? (plain ?? "") : quoted.replaceAll('""', '"'),
  );
}
