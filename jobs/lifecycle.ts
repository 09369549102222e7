import { runAlone, type Queryable } from "./database.ts";
import { release, RELEASED } from "./graph.ts";
import type { EndedState, JobState } from "./job.ts";

const CANCEL = {
  name: "job-cancel",
  text: `WITH before AS (
           SELECT id, state FROM jobs WHERE id = $1 AND tenant = $2 FOR UPDATE
         ), cancelled AS (
           UPDATE jobs j SET state = 'cancelled', finished_at = now()
           FROM before b WHERE j.id = b.id AND b.state IN ('blocked', 'queued', 'retrying')
           RETURNING j.id, j.state, j.batch_id
         ), requested AS (
           UPDATE jobs j SET cancel_requested_at = coalesce(j.cancel_requested_at, now())
           FROM before b WHERE j.id = b.id AND b.state = 'active'
         ), ${release("cancelled")}, wake AS (
           INSERT INTO outbox (job_id, attempt, queue, priority, run_at) ${RELEASED}
         )
         SELECT state FROM before`,
};

const RETRY = {
  name: "job-retry",
  // An aggregate whose members failed cannot run: they are what has to be retried.
  text: `WITH before AS (
           SELECT id, state, members_failed > 0 AND waits_for = 0 AND on_member_failure = 'fail' AS hopeless
           FROM jobs WHERE id = $1 AND tenant = $2 FOR UPDATE
         ), again AS (
           UPDATE jobs j SET state = CASE WHEN j.waits_for > 0 THEN 'blocked' ELSE 'queued' END, failures = 0, losses = 0,
             error = NULL, progress = NULL, run_at = now(), finished_at = NULL, cancel_requested_at = NULL
           FROM before b WHERE j.id = b.id AND b.state IN ('dead', 'cancelled') AND NOT b.hopeless
           RETURNING j.id, j.attempt, j.queue, j.priority, j.run_at, j.state
         ), waiting AS (
           UPDATE jobs a SET waits_for = a.waits_for + 1, members_failed = a.members_failed - 1,
             state = CASE WHEN a.state = 'dead' AND a.error->>'code' = 'member-failed' THEN 'blocked' ELSE a.state END,
             finished_at = CASE WHEN a.error->>'code' = 'member-failed' THEN NULL ELSE a.finished_at END,
             error = CASE WHEN a.error->>'code' = 'member-failed' THEN NULL ELSE a.error END
           FROM again JOIN dependencies d ON d.on_id = again.id WHERE a.id = d.job_id
         ), wake AS (
           INSERT INTO outbox (job_id, attempt, queue, priority, run_at)
           SELECT id, attempt, queue, priority, run_at FROM again WHERE state = 'queued'
         )
         SELECT b.state, b.hopeless, (SELECT state FROM again) AS now FROM before b`,
};

/** What a wish to cancel came to. */
export type CancelOutcome =
  | { readonly is: "cancelled" }
  /** It runs; its worker is told within a second or so. It may still succeed before. */
  | { readonly is: "requested" }
  | { readonly is: "ended"; readonly state: EndedState }
  | { readonly is: "unknown" };

/** Cancels a job, or has its worker stop it. Whoever waits for it counts it as failed. */
export async function cancelJob(db: Queryable, tenant: string, id: string): Promise<CancelOutcome> {
  const [row] = await runAlone<{ state: JobState }>(db, CANCEL, [id, tenant]);
  if (!row) return { is: "unknown" };
  switch (row.state) {
    case "blocked":
    case "queued":
    case "retrying":
      return { is: "cancelled" };
    case "active":
      return { is: "requested" };
    case "succeeded":
    case "dead":
    case "cancelled":
      return { is: "ended", state: row.state };
  }
}

/** What a wish to retry came to. */
export type RetryOutcome =
  /** It starts over, or as an aggregate waits for its members again. */
  | { readonly is: "queued"; readonly state: "queued" | "blocked" }
  | { readonly is: "not-ended"; readonly state: JobState }
  | { readonly is: "succeeded" }
  /** An aggregate that needs all its members, and some did not succeed: retry those. */
  | { readonly is: "member-failed" }
  | { readonly is: "unknown" };

/** Queues a dead or cancelled job again, with all its attempts. An aggregate that died of it waits for it again. */
export async function retryJob(db: Queryable, tenant: string, id: string): Promise<RetryOutcome> {
  const [row] = await runAlone<RetryRow>(db, RETRY, [id, tenant]);
  if (!row) return { is: "unknown" };
  if (row.now) return { is: "queued", state: row.now };
  if (row.state === "succeeded") return { is: "succeeded" };
  if (row.state === "dead" || row.state === "cancelled") return { is: "member-failed" };
  return { is: "not-ended", state: row.state };
}

interface RetryRow {
  state: JobState;
  hopeless: boolean;
  now: "queued" | "blocked" | null;
}
