import { run, type Queryable } from "./database.ts";
import type { Artifact, JobFailure } from "./job.ts";

/** A job in the hands of a worker. Its attempt is the fencing token: every later write has to show it. */
export interface Claim {
  readonly jobId: string;
  readonly attempt: number;
  readonly kind: string;
  readonly queue: string;
  readonly params: unknown;
  /** Failed attempts before this one. */
  readonly failures: number;
}

/** What became of a wake-up: work, nothing left to do, or too early. */
export type ClaimOutcome =
  | { readonly outcome: "claimed"; readonly claim: Claim }
  | { readonly outcome: "gone" }
  | { readonly outcome: "early"; readonly delayMs: number };

/** The job belongs to somebody else by now: nothing was written. */
export class Fenced extends Error {
  override readonly name = "Fenced";
  constructor(claim: Claim) {
    super(`job ${claim.jobId}: attempt ${claim.attempt} no longer holds it; its result is dropped`);
  }
}

/** Clocks of Redis clients and the database may differ by so much, in milliseconds. */
const EARLY_TOLERANCE_MS = 1000;

const CLAIM = {
  name: "job-claim",
  // Only under a lease that still stands: a worker that was given up must not take new work.
  text: `WITH claimed AS (
           UPDATE jobs SET state = 'active', attempt = attempt + 1, worker = $2, started_at = now()
           WHERE id = $1 AND state IN ('queued', 'retrying') AND run_at <= now() + $3 * interval '1 ms'
             AND EXISTS (SELECT FROM workers WHERE id = $2)
           RETURNING id, attempt, kind, queue, params, failures
         ), noted AS (
           INSERT INTO attempts (job_id, attempt, worker) SELECT id, attempt, $2 FROM claimed
         )
         SELECT * FROM claimed`,
};
const WHY_NOT = {
  name: "job-claim-why-not",
  text: `SELECT greatest(1, extract(epoch FROM run_at - now()) * 1000)::bigint AS delay_ms
         FROM jobs WHERE id = $1 AND state IN ('queued', 'retrying')`,
};
const SUCCEED = {
  name: "job-succeed",
  text: `WITH done AS (
           UPDATE jobs SET state = 'succeeded', result = $3, error = NULL, worker = NULL, finished_at = now()
           WHERE id = $1 AND attempt = $2 AND state = 'active' RETURNING id, attempt
         ), noted AS (
           UPDATE attempts a SET outcome = 'succeeded', finished_at = now()
           FROM done WHERE a.job_id = done.id AND a.attempt = done.attempt
         ), kept AS (
           INSERT INTO artifacts (job_id, attempt, object_key, media_type, bytes, sha256)
           SELECT id, attempt, $4, $5, $6, $7 FROM done WHERE $4::text IS NOT NULL
         )
         SELECT id FROM done`,
};
const FAIL = {
  name: "job-fail",
  // $4: milliseconds until the next attempt, or NULL for none.
  text: `WITH failed AS (
           UPDATE jobs SET state = CASE WHEN $4::bigint IS NULL THEN 'dead' ELSE 'retrying' END,
             failures = failures + 1, error = $3, worker = NULL,
             run_at = CASE WHEN $4::bigint IS NULL THEN run_at ELSE now() + $4::bigint * interval '1 ms' END,
             finished_at = CASE WHEN $4::bigint IS NULL THEN now() END
           WHERE id = $1 AND attempt = $2 AND state = 'active' RETURNING id, attempt, queue, priority, run_at, state
         ), noted AS (
           UPDATE attempts a SET outcome = 'failed', error = $3, finished_at = now()
           FROM failed WHERE a.job_id = failed.id AND a.attempt = failed.attempt
         ), wake AS (
           INSERT INTO outbox (job_id, attempt, queue, priority, run_at)
           SELECT id, attempt, queue, priority, run_at FROM failed WHERE state = 'retrying'
         )
         SELECT id FROM failed`,
};
const HAND_BACK = {
  name: "job-hand-back",
  text: `WITH back AS (
           UPDATE jobs SET state = 'queued', worker = NULL, run_at = now()
           WHERE id = $1 AND attempt = $2 AND state = 'active' RETURNING id, attempt, queue, priority, run_at
         ), noted AS (
           UPDATE attempts a SET outcome = 'handed-back', finished_at = now()
           FROM back WHERE a.job_id = back.id AND a.attempt = back.attempt
         ), wake AS (
           INSERT INTO outbox (job_id, attempt, queue, priority, run_at)
           SELECT id, attempt, queue, priority, run_at FROM back
         )
         SELECT id FROM back`,
};

const OWN_OUTCOME = {
  name: "attempt-outcome",
  text: `SELECT outcome FROM attempts WHERE job_id = $1 AND attempt = $2`,
};

interface ClaimRow {
  id: string;
  attempt: number;
  kind: string;
  queue: string;
  params: unknown;
  failures: number;
}

/** Takes a job for a worker, in one statement; of many that try at once one gets it. */
export async function claimJob(db: Queryable, jobId: string, workerId: string): Promise<ClaimOutcome> {
  const [row] = await run<ClaimRow>(db, CLAIM, [jobId, workerId, EARLY_TOLERANCE_MS]);
  if (row) {
    const { id, ...rest } = row;
    return { outcome: "claimed", claim: { jobId: id, ...rest } };
  }
  const [pending] = await run<{ delay_ms: string }>(db, WHY_NOT, [jobId]);
  return pending ? { outcome: "early", delayMs: Math.max(Number(pending.delay_ms), 100) } : { outcome: "gone" };
}

/**
 * Commits the result, the artifact and the attempt together.
 *
 * @throws Fenced when another attempt holds the job, or none
 */
export async function succeedJob(
  db: Queryable,
  claim: Claim,
  result: unknown,
  artifact: Artifact | undefined,
): Promise<void> {
  const values = [claim.jobId, claim.attempt, JSON.stringify(result)];
  const kept = artifact && [artifact.key, artifact.mediaType, artifact.bytes, artifact.sha256];
  await fenced(db, claim, SUCCEED, [...values, ...(kept ?? [null, null, null, null])]);
}

/**
 * Records a failed attempt. The next one starts after `retryInMs`; without it the job is dead.
 *
 * @throws Fenced when another attempt holds the job, or none
 */
export async function failJob(
  db: Queryable,
  claim: Claim,
  failure: JobFailure,
  retryInMs: number | undefined,
): Promise<void> {
  await fenced(db, claim, FAIL, [claim.jobId, claim.attempt, JSON.stringify(failure), retryInMs ?? null]);
}

/**
 * Gives a job back that this worker cannot finish, because it stops. It counts as no failure.
 *
 * @throws Fenced when another attempt holds the job, or none
 */
export async function handBackJob(db: Queryable, claim: Claim): Promise<void> {
  await fenced(db, claim, HAND_BACK, [claim.jobId, claim.attempt]);
}

async function fenced(db: Queryable, claim: Claim, statement: typeof FAIL, values: unknown[]): Promise<void> {
  const rows = await run(db, statement, values);
  if (rows.length === 0) throw new Fenced(claim);
}

/** How an attempt ended, by the record; `active` while it has not. */
export async function ownOutcome(db: Queryable, claim: Claim): Promise<string | undefined> {
  const [row] = await run<{ outcome: string }>(db, OWN_OUTCOME, [claim.jobId, claim.attempt]);
  return row?.outcome;
}
