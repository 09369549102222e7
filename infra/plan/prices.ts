import { z } from "zod";

/**
 * What AWS asks for what a stack makes. The table is prices.json, a row a thing; `slipway cost --refresh-prices` writes it anew from AWS' own
 * list. What is in it, when it was taken and from where stands in the file, and with every sum.
 */

const rowSchema = z.strictObject({
  service: z.string(),
  /** Size or shape. */
  name: z.string(),
  unit: z.enum(["hour", "GiB-month", "month"]),
  /** US dollars, by region. One that is not there is not known. */
  usd: z.record(z.string(), z.number().positive()),
  /** How AWS' list names it: file of offers, kind of use without the region's letters, operation. */
  match: z.strictObject({ offer: z.string(), usage: z.string(), operation: z.string().optional() }).optional(),
});
export type PriceRow = z.infer<typeof rowSchema>;

const tableSchema = z.strictObject({ source: z.string(), date: z.string(), rows: z.array(rowSchema) });
export type PriceTable = z.infer<typeof tableSchema>;

/** Hours of a month, as AWS counts them. */
export const MONTH_HOURS = 730;

/** @throws ZodError where the text is no table */
export function parsePrices(text: string): PriceTable {
  return tableSchema.parse(JSON.parse(text));
}

/** US dollars a month for one; `undefined` where the table has no such price. */
export function monthlyUsd({ rows }: PriceTable, service: string, name: string, region: string): number | undefined {
  const row = rows.find((one) => one.service === service && one.name === name);
  const usd = row?.usd[region];
  if (row === undefined || usd === undefined) return undefined;
  return row.unit === "hour" ? usd * MONTH_HOURS : usd;
}
