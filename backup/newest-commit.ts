import type { Client } from "pg";

/** Moment of the newest commit that the product left in a database: its workers write each second. */
const NEWEST = `SELECT greatest(
  (SELECT max(created_at) FROM jobs), (SELECT max(finished_at) FROM jobs), (SELECT max(started_at) FROM jobs),
  (SELECT max(lease_until) - interval '6 s' FROM workers WHERE isfinite(lease_until))) AS newest`;

/** Nothing where nobody ever worked with it. */
export async function newestIn(client: Client): Promise<Date | undefined> {
  const { rows } = await client.query<{ newest: Date | null }>(NEWEST);
  return rows[0]?.newest ?? undefined;
}
