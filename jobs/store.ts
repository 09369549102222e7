import { createCoalescer, Overloaded } from "./coalesce.ts";
import { run, runAlone, type Queryable, type Statement } from "./database.ts";
import { KEY_LIFETIME_MS, lookUpKeys, takeKeys, type InsertOutcome } from "./idempotency.ts";
import type { Idempotency, Job, JobFailure, JobProgress, JobState, NewJob } from "./job.ts";

export { Overloaded, type InsertOutcome };

/**
 * Keys, jobs and outbox rows in one statement: all or nothing, in one round trip. A job's first row in the outbox bears the number of the
 * job, so that hand-off.ts can delete it without having seen it.
 */
const INSERT_JOBS = {
  name: "jobs-insert",
  text: `WITH asked AS (
           SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::jsonb[], $6::int[], $7::float8[],
             $8::text[], $9::text[], $10::bytea[])
             AS a(id, tenant, kind, queue, params, priority, delay_ms, schedule, key, fingerprint)
         ), keyed AS (
           ${takeKeys("$11")}
         ), job AS (
           INSERT INTO jobs (id, tenant, kind, queue, params, priority, run_at, schedule)
           SELECT id, tenant, kind, queue, params, priority, now() + delay_ms * interval '1 ms', schedule FROM asked
           WHERE key IS NULL OR id IN (SELECT target_id FROM keyed)
           RETURNING id, queue, priority, run_at, created_at
         ), wake AS (
           INSERT INTO outbox (id, job_id, attempt, queue, priority, run_at) OVERRIDING SYSTEM VALUE
           SELECT id, id, 0, queue, priority, run_at FROM job
         )
         SELECT id, created_at FROM job`,
};

/** The same for jobs without keys: nothing has to be asked before. */
const INSERT_KEYLESS = {
  name: "jobs-insert-keyless",
  text: `WITH job AS (
           INSERT INTO jobs (id, tenant, kind, queue, params, priority, run_at, schedule)
           SELECT id, tenant, kind, queue, params, priority, now() + delay_ms * interval '1 ms', schedule
           FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::jsonb[], $6::int[], $7::float8[], $8::text[])
             AS a(id, tenant, kind, queue, params, priority, delay_ms, schedule)
           RETURNING id, queue, priority, run_at, created_at
         ), wake AS (
           INSERT INTO outbox (id, job_id, attempt, queue, priority, run_at) OVERRIDING SYSTEM VALUE
           SELECT id, id, 0, queue, priority, run_at FROM job
         )
         SELECT id, created_at FROM job`,
};

/** The same for one job, which is what a client waits for when little is going on: unnest costs a third more than the insert itself. */
const INSERT_ONE = {
  name: "job-insert",
  text: `WITH wake AS (
           INSERT INTO outbox (id, job_id, attempt, queue, priority, run_at) OVERRIDING SYSTEM VALUE
           VALUES ($1, $1, 0, $4, $6, now() + $7::float8 * interval '1 ms')
         )
         INSERT INTO jobs (id, tenant, kind, queue, params, priority, run_at, schedule)
         VALUES ($1, $2, $3, $4, $5, $6, now() + $7::float8 * interval '1 ms', $8)
         RETURNING id, created_at`,
};

const READ_JOB = {
  name: "job-read",
  text: `SELECT j.id, j.tenant, j.kind, j.queue, j.state, j.params, j.result, j.error, j.attempt, j.priority, j.batch_id,
                j.position, j.cancel_requested_at, j.progress, j.created_at, j.started_at, j.finished_at,
                a.object_key, a.media_type, a.bytes, a.sha256
         FROM jobs j LEFT JOIN artifacts a ON a.job_id = j.id WHERE j.id = $1 AND j.tenant = $2`,
};

/** How often an insert is tried whose key ran out between two looks. */
const KEY_ROUNDS = 5;

/**
 * Makes a job and its wake-up. When this returns `made`, the job is committed.
 *
 * @returns `made` with the time by the database's clock; `known` or `conflict` where its key was taken before
 */
export async function insertJob(db: Queryable, job: NewJob): Promise<InsertOutcome> {
  const [outcome] = await insertJobs(db, [job]);
  if (!outcome) throw new Error(`job ${job.id}: the insert gave nothing back`);
  return outcome;
}

/** Makes many jobs in one statement: all that may be made, or with an error none. */
export async function insertJobs(db: Queryable, jobs: readonly NewJob[]): Promise<InsertOutcome[]> {
  return insertRows(db, jobs.map(toRow));
}

/** A job with its parameters as they are sent. */
interface Row {
  readonly job: NewJob;
  readonly params: string;
}

function toRow(job: NewJob): Row {
  return { job, params: JSON.stringify(job.params) };
}

async function insertRows(db: Queryable, rows: readonly Row[]): Promise<InsertOutcome[]> {
  const outcomes = new Map<Row, InsertOutcome>();
  for (let round = 0; round < KEY_ROUNDS && outcomes.size < rows.length; round += 1) {
    const open = rows.filter((row) => !outcomes.has(row));
    await insertRound(db, open, outcomes);
  }
  return rows.map((row) => {
    const outcome = outcomes.get(row);
    if (!outcome) throw new Error(`job ${row.job.id}: its key runs out again and again; try again later`);
    return outcome;
  });
}

async function insertRound(db: Queryable, rows: readonly Row[], outcomes: Map<Row, InsertOutcome>): Promise<void> {
  const { statement, values } = insertStatement(firstOfEachKey(rows));
  const inserted = await runAlone<{ id: string; created_at: Date }>(db, statement, values);
  const made = new Map(inserted.map((row) => [row.id, row.created_at]));
  const taken: { row: Row; tenant: string; idempotency: Idempotency }[] = [];
  for (const row of rows) {
    const { id, tenant, idempotency } = row.job;
    const createdAt = made.get(id);
    if (createdAt) outcomes.set(row, { is: "made", createdAt });
    else if (idempotency) taken.push({ row, tenant, idempotency });
  }
  if (taken.length === 0) return;
  const found = await lookUpKeys(db, taken);
  taken.forEach(({ row }, index) => {
    const outcome = found[index];
    if (outcome) outcomes.set(row, outcome);
  });
}

/** One statement cannot take a key twice: repetitions are answered by what the first one made. */
function firstOfEachKey(rows: readonly Row[]): Row[] {
  const seen = new Set<string>();
  return rows.filter(({ job: { tenant, idempotency } }) => {
    if (!idempotency) return true;
    const key = `${tenant} ${idempotency.key}`;
    return !seen.has(key) && seen.add(key);
  });
}

/** The cheapest statement that makes all of these. */
function insertStatement(rows: readonly Row[]): { readonly statement: Statement; readonly values: unknown[] } {
  const columns = rows.map(toColumns);
  const [only] = columns;
  const keys = rows.map(({ job }) => job.idempotency);
  if (keys.some((key) => key !== undefined)) {
    const keyColumns = [keys.map((key) => key?.key ?? null), keys.map((key) => key?.fingerprint ?? null)];
    return { statement: INSERT_JOBS, values: [...transposed(columns), ...keyColumns, KEY_LIFETIME_MS] };
  }
  if (only && columns.length === 1) return { statement: INSERT_ONE, values: only };
  return { statement: INSERT_KEYLESS, values: transposed(columns) };
}

function toColumns({ job, params }: Row): unknown[] {
  const { id, tenant, kind, queue, priority = 0, delayMs = 0, schedule = null } = job;
  return [id, tenant, kind, queue, params, priority, delayMs, schedule];
}

function transposed(rows: readonly unknown[][]): unknown[][] {
  return (rows[0] ?? []).map((_, column) => rows.map((row) => row[column]));
}

/** Makes jobs for many callers at once. */
export interface JobWriter {
  /**
   * Like {@link insertJob}.
   *
   * @throws Overloaded when too much waits, or the writer is closed: nothing was written
   */
  insert(job: NewJob): Promise<InsertOutcome>;
  /** Jobs that wait for their commit. */
  waiting(): number;
  /** Statements so far, and the jobs in them. */
  written(): { readonly statements: number; readonly jobs: number };
  /** Takes nothing more and ends when all that it took are answered. */
  close(): Promise<void>;
}

export interface JobWriterOptions {
  /** Jobs that may wait for their commit. @default 2000 */
  readonly maxWaiting?: number;
  /** Statements under way at once. @default 1 */
  readonly inFlight?: number;
  /** Told of jobs that were just committed. */
  readonly onMade?: (jobs: readonly NewJob[]) => void;
}

/** Jobs in one statement. */
const INSERT_BATCH = 250;
/** Parameters that may wait, in bytes: what a process can hold beside its other work. */
const MAX_WAITING_BYTES = 64 * 1024 * 1024;

/** Concurrent inserts share a statement and its commit; one that is wrong in itself does not harm its neighbours. */
export function createJobWriter(db: Queryable, options: JobWriterOptions = {}): JobWriter {
  const written = { statements: 0, jobs: 0 };
  const coalescer = createCoalescer<Row, InsertOutcome>({
    what: "writing jobs",
    work: async (rows) => {
      written.statements += 1;
      written.jobs += rows.length;
      const outcomes = await insertRows(db, rows);
      options.onMade?.(rows.filter((_, index) => outcomes[index]?.is === "made").map(({ job }) => job));
      return outcomes;
    },
    maxItems: INSERT_BATCH,
    maxWaiting: options.maxWaiting ?? 2000,
    maxWaitingBytes: MAX_WAITING_BYTES,
    inFlight: options.inFlight ?? 1,
    weigh: (row) => row.params.length,
  });
  return {
    insert: (job) => coalescer.add(toRow(job)),
    waiting: () => coalescer.waiting(),
    written: () => written,
    close: () => coalescer.close(),
  };
}

interface JobRow {
  id: string;
  tenant: string;
  kind: string;
  queue: string;
  state: JobState;
  params: unknown;
  result: unknown;
  error: JobFailure | null;
  attempt: number;
  priority: number;
  batch_id: string | null;
  position: number | null;
  cancel_requested_at: Date | null;
  progress: JobProgress | null;
  created_at: Date;
  started_at: Date | null;
  finished_at: Date | null;
  object_key: string | null;
  media_type: string;
  bytes: string;
  sha256: string;
}

/** Reads a job of a tenant, or gives `undefined` where that tenant has none of that id. */
export async function readJob(db: Queryable, tenant: string, id: string): Promise<Job | undefined> {
  const [row] = await run<JobRow>(db, READ_JOB, [id, tenant]);
  return row && toJob(row);
}

function toJob(row: JobRow): Job {
  const { id, tenant, kind, queue, state, params, result, attempt, priority } = row;
  return {
    ...{ id, tenant, kind, queue, state, params, result, attempt, priority },
    batchId: row.batch_id ?? undefined,
    position: row.position ?? undefined,
    error: row.error ?? undefined,
    cancelRequested: row.cancel_requested_at !== null && state === "active",
    progress: row.progress ?? undefined,
    artifact:
      row.object_key === null
        ? undefined
        : { key: row.object_key, mediaType: row.media_type, bytes: Number(row.bytes), sha256: row.sha256 },
    createdAt: row.created_at,
    startedAt: row.started_at ?? undefined,
    finishedAt: row.finished_at ?? undefined,
  };
}
