import { run, type Queryable } from "./database.ts";
import type { JobFailure, JobProgress, JobState } from "./job.ts";

/** A job in a list: without what may be large. */
export interface JobSummary {
  readonly id: string;
  readonly kind: string;
  readonly queue: string;
  readonly state: JobState;
  readonly attempt: number;
  readonly priority: number;
  readonly batchId: string | undefined;
  readonly createdAt: Date;
  readonly startedAt: Date | undefined;
  readonly finishedAt: Date | undefined;
}

/** Which jobs of a tenant are listed; all of them where nothing is said. */
export interface JobFilter {
  readonly state?: JobState | undefined;
  readonly kind?: string | undefined;
  readonly queue?: string | undefined;
}

/** A part of a list, newest first. */
export interface JobPage {
  readonly jobs: readonly JobSummary[];
  /** Everything from this id on was looked at; `undefined` when there is nothing below. */
  readonly next: string | undefined;
}

/** Jobs that one page looks at: a filter that fits few of millions gives short pages, not slow ones. */
export const PAGE_SCAN = 5000;

const LIST = {
  name: "jobs-list",
  text: `WITH seen AS MATERIALIZED (
           SELECT id, state, kind, queue FROM jobs WHERE tenant = $1 AND id < $2 ORDER BY id DESC LIMIT $7
         ), edge AS (SELECT min(id) AS lowest, count(*) AS scanned FROM seen),
         page AS (
           SELECT id FROM seen WHERE ($3::text IS NULL OR state = $3) AND ($4::text IS NULL OR kind = $4)
             AND ($5::text IS NULL OR queue = $5) ORDER BY id DESC LIMIT $6
         )
         SELECT edge.lowest, edge.scanned, j.id, j.kind, j.queue, j.state, j.attempt, j.priority, j.batch_id,
           j.created_at, j.started_at, j.finished_at
         FROM edge LEFT JOIN (page JOIN jobs j USING (id)) ON true ORDER BY id DESC`,
};

interface ListRow {
  lowest: string | null;
  scanned: string;
  id: string | null;
  kind: string;
  queue: string;
  state: JobState;
  attempt: number;
  priority: number;
  batch_id: string | null;
  created_at: Date;
  started_at: Date | null;
  finished_at: Date | null;
}

/**
 * Lists jobs of a tenant.
 *
 * @param before only ids below this one
 * @param limit jobs in a page, 1 or more
 */
export async function listJobs(
  db: Queryable,
  tenant: string,
  filter: JobFilter,
  before: string,
  limit: number,
): Promise<JobPage> {
  const filtered = filter.state !== undefined || filter.kind !== undefined || filter.queue !== undefined;
  const scan = filtered ? Math.max(PAGE_SCAN, limit) : limit;
  const values = [tenant, before, filter.state ?? null, filter.kind ?? null, filter.queue ?? null, limit, scan];
  const rows = await run<ListRow>(db, LIST, values);
  const jobs = rows.flatMap((row) => (row.id === null ? [] : [toSummary(row, row.id)]));
  const [first] = rows;
  if (!first) return { jobs, next: undefined };
  // A full page goes on behind its last job, a short one behind the last that was looked at.
  const next = jobs.length === limit ? jobs.at(-1)?.id : first.lowest;
  const wasEnd = jobs.length < limit && Number(first.scanned) < scan;
  return { jobs, next: wasEnd ? undefined : (next ?? undefined) };
}

function toSummary(row: ListRow, id: string): JobSummary {
  const { kind, queue, state, attempt, priority } = row;
  return {
    ...{ id, kind, queue, state, attempt, priority },
    batchId: row.batch_id ?? undefined,
    createdAt: row.created_at,
    startedAt: row.started_at ?? undefined,
    finishedAt: row.finished_at ?? undefined,
  };
}

/** How an attempt ended. */
export const OUTCOMES = ["succeeded", "failed", "lost", "handed-back", "cancelled"] as const;
export type Outcome = (typeof OUTCOMES)[number];

/** An attempt that has ended. The one that runs is the job itself. */
export interface EndedAttempt {
  readonly attempt: number;
  readonly outcome: Outcome;
  readonly error: JobFailure | undefined;
  readonly startedAt: Date;
  readonly finishedAt: Date | undefined;
}

/** A job as somebody who watches it sees it, at one moment. */
export interface JobSnapshot {
  readonly id: string;
  readonly state: JobState;
  readonly attempt: number;
  readonly error: JobFailure | undefined;
  readonly progress: JobProgress | undefined;
  readonly cancelRequested: boolean;
  readonly createdAt: Date;
  readonly startedAt: Date | undefined;
  readonly finishedAt: Date | undefined;
  /** From the attempt that was asked for on. */
  readonly attempts: readonly EndedAttempt[];
}

/** What is wanted of a job: everything from an attempt on. */
export interface Watched {
  readonly id: string;
  readonly tenant: string;
  readonly fromAttempt: number;
}

const SNAPSHOTS = {
  name: "job-snapshots",
  text: `SELECT j.id, j.state, j.attempt, j.error, j.progress, j.cancel_requested_at, j.created_at, j.started_at,
           j.finished_at,
           (SELECT jsonb_agg(jsonb_build_object('attempt', a.attempt, 'outcome', a.outcome, 'error', a.error,
              'startedAt', a.started_at, 'finishedAt', a.finished_at) ORDER BY a.attempt)
            FROM attempts a WHERE a.job_id = j.id AND a.attempt >= w.from_attempt AND a.outcome <> 'active') AS attempts
         FROM unnest($1::bigint[], $2::text[], $3::int[]) AS w(id, tenant, from_attempt)
         JOIN jobs j ON j.id = w.id AND j.tenant = w.tenant`,
};

interface SnapshotRow {
  id: string;
  state: JobState;
  attempt: number;
  error: JobFailure | null;
  progress: JobProgress | null;
  cancel_requested_at: Date | null;
  created_at: Date;
  started_at: Date | null;
  finished_at: Date | null;
  attempts:
    | { attempt: number; outcome: Outcome; error: JobFailure | null; startedAt: string; finishedAt: string | null }[]
    | null;
}

/** Reads many jobs at once, each at the same moment as its attempts. Jobs that there are none of are left out. */
export async function readSnapshots(db: Queryable, watched: readonly Watched[]): Promise<JobSnapshot[]> {
  const values = [watched.map((w) => w.id), watched.map((w) => w.tenant), watched.map((w) => w.fromAttempt)];
  return (await run<SnapshotRow>(db, SNAPSHOTS, values)).map(toSnapshot);
}

function toSnapshot(row: SnapshotRow): JobSnapshot {
  return {
    id: row.id,
    state: row.state,
    attempt: row.attempt,
    error: row.error ?? undefined,
    progress: row.progress ?? undefined,
    cancelRequested: row.cancel_requested_at !== null && row.state === "active",
    createdAt: row.created_at,
    startedAt: row.started_at ?? undefined,
    finishedAt: row.finished_at ?? undefined,
    attempts: (row.attempts ?? []).map((a) => ({
      attempt: a.attempt,
      outcome: a.outcome,
      error: a.error ?? undefined,
      startedAt: new Date(a.startedAt),
      finishedAt: a.finishedAt === null ? undefined : new Date(a.finishedAt),
    })),
  };
}
