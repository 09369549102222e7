import type { Client } from "pg";
import { until } from "../servers/programs.ts";

/** How long archiving may take on a busy machine, in milliseconds. */
export const ARCHIVED_WITHIN_MS = 120_000;

/** Waits until everything that was committed is in every repository. */
export async function archived(client: Client): Promise<void> {
  const { rows } = await client.query<{ name: string }>("SELECT pg_walfile_name(pg_switch_wal()) AS name");
  const segment = rows[0]?.name ?? "";
  await until(`${segment} is archived`, async () => (await lastArchived(client)) >= segment, ARCHIVED_WITHIN_MS);
}

/** The newest segment that is in every repository; its name begins with the timeline. */
export async function lastArchived(client: Client, since = new Date(0)): Promise<string> {
  const { rows } = await client.query<{ last: string }>(
    "SELECT last_archived_wal AS last FROM pg_stat_archiver WHERE last_archived_time > $1",
    [since],
  );
  return rows[0]?.last ?? "";
}
