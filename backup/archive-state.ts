import type { Client } from "pg";
import { parseSegment, type Segment } from "./wal-segments.ts";

/** How far the archive is behind the cluster that serves. */
export interface ArchiveState {
  /** The last segment that it says it archived; none since it began. */
  readonly last: Segment | undefined;
  /** When that was. */
  readonly lastAt: Date | undefined;
  /** Segments that are full and wait. */
  readonly waiting: number;
  /** Seconds of commits that would be lost with the cluster, at most. */
  readonly behindSeconds: number;
  /** Failures since the last success: the archive takes nothing. */
  readonly isFailing: boolean;
}

const STATE = `
  SELECT last_archived_wal AS last, last_archived_time AS last_at, pg_walfile_name(pg_current_wal_insert_lsn()) AS current,
    coalesce(last_failed_time > coalesce(last_archived_time, '-infinity'), false) AS failing,
    extract(epoch FROM now() - coalesce(last_archived_time, stats_reset))::float8 AS age,
    extract(epoch FROM current_setting('archive_timeout')::interval)::float8 AS timeout
  FROM pg_stat_archiver`;

/** Asks the cluster that serves. Nothing that waits means at most one segment that is not full, and Postgres ends that one by itself. */
export async function readArchiveState(client: Client): Promise<ArchiveState> {
  const { rows } = await client.query<{
    last: string | null;
    last_at: Date | null;
    current: string;
    failing: boolean;
    age: number;
    timeout: number;
  }>(STATE);
  const [row] = rows;
  if (!row) throw new Error("pg_stat_archiver has no row");
  const last = parseSegment(row.last ?? "");
  const current = parseSegment(row.current);
  const waiting = last && current?.timeline === last.timeline ? Math.max(0, current.number - last.number - 1) : 0;
  const isBehind = waiting > 0 || row.failing;
  return {
    last,
    lastAt: row.last_at ?? undefined,
    waiting,
    behindSeconds: Math.max(0, isBehind ? row.age : Math.min(row.age, row.timeout)),
    isFailing: row.failing,
  };
}
