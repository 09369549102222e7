import type { Statement } from "./database.ts";
import { release, RELEASED } from "./graph.ts";

/** How often a job may lose its worker before it counts as what kills them. */
export const MAX_LOSSES = 10;

/** An attempt that held its job and has ended. */
export interface EndedRow {
  readonly id: string;
  readonly attempt: number;
  /** The statement wrote something to the outbox. */
  readonly woke: boolean;
}

/** State that an end `a` brings the job `j` to. Whoever asked for a cancellation meanwhile gets it, unless the job has succeeded. */
const NEXT = `CASE WHEN a.outcome = 'succeeded' THEN 'succeeded'
                   WHEN a.outcome = 'cancelled' OR j.cancel_requested_at IS NOT NULL THEN 'cancelled'
                   WHEN a.outcome = 'failed' AND a.retry_ms IS NOT NULL THEN 'retrying'
                   WHEN a.outcome = 'failed' OR (a.outcome = 'lost' AND j.losses + 1 >= ${MAX_LOSSES}) THEN 'dead'
                   ELSE 'queued' END`;

/**
 * A statement that ends attempts: every end there is goes through this one, and with it the fencing, the record of the attempt, the
 * artifact, what waited for the job, and the wake-up of the next attempt. All or nothing. Its rows: {@link EndedRow}.
 *
 * @param asked SQL of the rows to end: id, attempt, worker, outcome, result, error, retry_ms (null: no more attempts), object_key,
 *              media_type, bytes, sha256
 */
export function endingStatement(name: string, asked: string): Statement {
  return { name, text: `WITH ${asked}, ${END}` };
}

/** Said so that the index of active jobs does not offer itself: after a busy hour with an old snapshot it is full of dead rows. */
const ACTIVE = `coalesce(j.state = 'active', false)`;

const END = `ended AS (
           UPDATE jobs j SET state = ${NEXT}, worker = NULL,
             result = CASE WHEN a.outcome = 'succeeded' THEN a.result END,
             error = CASE WHEN a.outcome = 'succeeded' THEN NULL ELSE coalesce(a.error, j.error) END,
             failures = j.failures + (a.outcome = 'failed')::int, losses = j.losses + (a.outcome = 'lost')::int,
             run_at = CASE WHEN a.outcome = 'succeeded' THEN j.run_at
                           ELSE now() + coalesce(a.retry_ms, 0) * interval '1 ms' END,
             finished_at = CASE WHEN ${NEXT} IN ('succeeded', 'dead', 'cancelled') THEN now() END
           FROM asked a WHERE j.id = a.id AND j.attempt = a.attempt AND ${ACTIVE}
           RETURNING j.id, j.attempt, j.state, j.batch_id, j.queue, j.priority, j.run_at, j.started_at,
             a.worker, a.outcome, a.error, a.object_key, a.media_type, a.bytes, a.sha256
         ), noted AS (
           INSERT INTO attempts (job_id, attempt, worker, outcome, error, started_at, finished_at)
           SELECT id, attempt, worker, outcome, error, started_at, now() FROM ended
         ), kept AS (
           INSERT INTO artifacts (job_id, attempt, object_key, media_type, bytes, sha256)
           SELECT id, attempt, object_key, media_type, bytes, sha256 FROM ended
           WHERE object_key IS NOT NULL AND outcome = 'succeeded'
         ), ${release("ended")}, wake AS (
           INSERT INTO outbox (job_id, attempt, queue, priority, run_at)
           SELECT id, attempt, queue, priority, run_at FROM ended WHERE state IN ('queued', 'retrying')
           UNION ALL ${RELEASED}
           RETURNING 1
         )
         SELECT id, attempt, EXISTS (SELECT FROM wake) AS woke FROM ended`;

/** Columns of `asked` for ends that keep nothing. */
export const NOTHING_KEPT = `NULL::jsonb AS result, NULL::float8 AS retry_ms, NULL::text AS object_key, NULL::text AS media_type,
             NULL::bigint AS bytes, NULL::text AS sha256`;
