import { run, type Queryable } from "./database.ts";
import type { Job, JobFailure, JobState, NewJob } from "./job.ts";

/** Job and outbox row in one statement: both or neither, in one round trip. */
export const INSERT_JOB = {
  name: "job-insert",
  text: `WITH job AS (
           INSERT INTO jobs (id, kind, queue, params, priority, run_at)
           VALUES ($1, $2, $3, $4, $5, now() + $6 * interval '1 ms')
           RETURNING id, queue, priority, run_at, created_at
         ), wake AS (
           INSERT INTO outbox (job_id, attempt, queue, priority, run_at)
           SELECT id, 0, queue, priority, run_at FROM job
         )
         SELECT created_at FROM job`,
};

const READ_JOB = {
  name: "job-read",
  text: `SELECT j.id, j.kind, j.queue, j.state, j.params, j.result, j.error, j.attempt, j.created_at, j.started_at,
                j.finished_at, a.object_key, a.media_type, a.bytes, a.sha256
         FROM jobs j LEFT JOIN artifacts a ON a.job_id = j.id WHERE j.id = $1`,
};

interface JobRow {
  id: string;
  kind: string;
  queue: string;
  state: JobState;
  params: unknown;
  result: unknown;
  error: JobFailure | null;
  attempt: number;
  created_at: Date;
  started_at: Date | null;
  finished_at: Date | null;
  object_key: string | null;
  media_type: string;
  bytes: string;
  sha256: string;
}

/**
 * Makes a job and its wake-up. When this returns, the job is committed.
 *
 * @returns when it was made, by the database's clock
 */
export async function insertJob(db: Queryable, job: NewJob): Promise<Date> {
  const values = [job.id, job.kind, job.queue, JSON.stringify(job.params), job.priority ?? 0, job.delayMs ?? 0];
  const [row] = await run<{ created_at: Date }>(db, INSERT_JOB, values);
  if (!row) throw new Error(`job ${job.id}: the insert gave no row back`);
  return row.created_at;
}

/** Reads a job, or gives `undefined` where there is none of that id. */
export async function readJob(db: Queryable, id: string): Promise<Job | undefined> {
  const [row] = await run<JobRow>(db, READ_JOB, [id]);
  return row && toJob(row);
}

function toJob(row: JobRow): Job {
  return {
    id: row.id,
    kind: row.kind,
    queue: row.queue,
    state: row.state,
    params: row.params,
    result: row.result,
    error: row.error ?? undefined,
    attempt: row.attempt,
    artifact:
      row.object_key === null
        ? undefined
        : { key: row.object_key, mediaType: row.media_type, bytes: Number(row.bytes), sha256: row.sha256 },
    createdAt: row.created_at,
    startedAt: row.started_at ?? undefined,
    finishedAt: row.finished_at ?? undefined,
  };
}
