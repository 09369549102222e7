import type { Client } from "pg";

/** Every page of a table, and of what is kept beside it, is read when it is read in order and as text. */
const IN_ORDER = ["enable_indexscan", "enable_indexonlyscan", "enable_bitmapscan"].map((name) => `SET ${name} = off`);

/**
 * Reads every row of the given tables whole. RDS' Postgres compares the checksum of each page that it reads: one that is
 * damaged is an error here. Pages of indexes are not read, for which SQL has no way that the product's own role may go.
 *
 * @param tables names, quoted as SQL has them
 * @returns bytes of the rows as text
 */
export async function readPages(client: Client, tables: readonly string[]): Promise<number> {
  for (const statement of IN_ORDER) await client.query(statement);
  let total = 0;
  for (const name of tables) {
    const { rows } = await client.query<{ bytes: number }>(
      `SELECT coalesce(sum(octet_length(whole::text)), 0)::float8 AS bytes FROM public.${name} AS whole`,
    );
    total += rows[0]?.bytes ?? 0;
  }
  return total;
}
