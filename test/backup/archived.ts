import type { Client } from "pg";
import { until } from "../servers/programs.ts";

/** How long archiving may take on a busy machine, in milliseconds. */
const WITHIN_MS = 120_000;

/** Waits until everything that was committed is in every repository. */
export async function archived(client: Client): Promise<void> {
  const { rows } = await client.query<{ name: string }>("SELECT pg_walfile_name(pg_switch_wal()) AS name");
  await segmentIsArchived(client, rows[0]?.name ?? "");
}

/** Waits until somebody has ended a segment, and it is in every repository. */
export async function segmentIsArchived(client: Client, segment: string): Promise<void> {
  const isThere = async () => {
    const { rows } = await client.query<{ last: string | null }>(
      "SELECT last_archived_wal AS last FROM pg_stat_archiver",
    );
    return (rows[0]?.last ?? "") >= segment;
  };
  await until(`${segment} is archived`, isThere, WITHIN_MS);
}

/** The segment that is written. */
export async function currentSegment(client: Client): Promise<string> {
  const { rows } = await client.query<{ name: string }>("SELECT pg_walfile_name(pg_current_wal_insert_lsn()) AS name");
  return rows[0]?.name ?? "";
}
