import { z } from "zod";

/**
 * What AWS asks for what a stack makes. The table is prices.json, a row a thing, a price a region; `slipway cost --refresh-prices` writes anew what
 * AWS' own list names. When each price was taken and from where stands beside it, and with every sum those that it was made with.
 */

const priceSchema = z.strictObject({
  /** US dollars. */
  usd: z.number().positive(),
  /** When it was taken: a day or a month. */
  date: z.string().regex(/^\d{4}-\d{2}(-\d{2})?$/),
  /** Where from: one of the table's `sources`. */
  source: z.string(),
});
export type Price = z.infer<typeof priceSchema>;

const rowSchema = z.strictObject({
  service: z.string(),
  /** Size or shape. */
  name: z.string(),
  unit: z.enum(["hour", "GiB-month", "month"]),
  /** By region. One that is not there is not known. */
  prices: z.record(z.string(), priceSchema),
  /** How AWS' list names it: file of offers, kind of use without the region's letters, operation. */
  match: z.strictObject({ offer: z.string(), usage: z.string(), operation: z.string().optional() }).optional(),
});
export type PriceRow = z.infer<typeof rowSchema>;

const tableSchema = z
  .strictObject({
    /** What the sources of prices are, by the names that stand beside these. */
    sources: z.record(z.string(), z.string()),
    rows: z.array(rowSchema),
  })
  .refine(({ sources, rows }) => pricesOf(rows).every(({ source }) => Object.hasOwn(sources, source)), {
    error: "every price's source must be one of `sources`",
  });
export type PriceTable = z.infer<typeof tableSchema>;

/** All prices of some rows. */
export function pricesOf(rows: readonly PriceRow[]): readonly Price[] {
  return rows.flatMap(({ prices }) => Object.values(prices));
}

/** Hours of a month, as AWS counts them. */
export const MONTH_HOURS = 730;

/** @throws ZodError where the text is no table */
export function parsePrices(text: string): PriceTable {
  return tableSchema.parse(JSON.parse(text));
}

/** The table as its file has it: a line a price. */
export function formatPrices({ sources, rows }: PriceTable): string {
  const lines = rows.map(({ service, name, unit, prices, match }) => {
    const head = Object.entries({ service, name, unit }).map(
      ([key, value]) => `      ${JSON.stringify(key)}: ${JSON.stringify(value)},\n`,
    );
    const each = Object.entries(prices).map(
      ([region, price]) => `        ${JSON.stringify(region)}: ${onOneLine(price)}`,
    );
    const named =
      match === undefined ? "" : `,\n      "match": ${JSON.stringify(match, null, 2).replaceAll("\n", "\n      ")}`;
    return `    {\n${head.join("")}      "prices": {\n${each.join(",\n")}\n      }${named}\n    }`;
  });
  const from = Object.entries(sources).map(([name, what]) => `    ${JSON.stringify(name)}: ${JSON.stringify(what)}`);
  return `{\n  "sources": {\n${from.join(",\n")}\n  },\n  "rows": [\n${lines.join(",\n")}\n  ]\n}\n`;
}

function onOneLine(content: object): string {
  const pairs = Object.entries(content).map(([key, value]) => `${JSON.stringify(key)}: ${JSON.stringify(value)}`);
  return `{ ${pairs.join(", ")} }`;
}

/** What one costs a month, and by which price; `undefined` where the table has none. */
export function monthlyPrice(
  { rows }: PriceTable,
  service: string,
  name: string,
  region: string,
): { readonly usd: number; readonly price: Price } | undefined {
  const row = rows.find((one) => one.service === service && one.name === name);
  const price = row?.prices[region];
  if (row === undefined || price === undefined) return undefined;
  return { usd: row.unit === "hour" ? price.usd * MONTH_HOURS : price.usd, price };
}
