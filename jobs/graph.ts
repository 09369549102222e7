/**
 * Parts of statements that keep the graph of batches. They belong into the statement that ends a job or takes it up again, so that both
 * are committed or neither is. `waits_for` is always the number of members that have not ended, `members_failed` the number of
 * those that ended without success; both are on the aggregate's own row, whose lock puts ends that happen together in a row.
 */

/**
 * Rows that wait for members which have ended now.
 *
 * @param ended name of the rows that ended: id, state, batch_id
 */
export function release(ended: string): string {
  return `waiting AS (
           SELECT d.job_id, count(*)::int AS n, (count(*) FILTER (WHERE e.state <> 'succeeded'))::int AS bad
           FROM ${ended} e JOIN dependencies d ON d.on_id = e.id
           WHERE e.batch_id IS NOT NULL AND e.state IN ('succeeded', 'dead', 'cancelled')
           GROUP BY d.job_id ORDER BY d.job_id
         ), released AS (
           UPDATE jobs a SET waits_for = a.waits_for - w.n, members_failed = a.members_failed + w.bad,
             state = CASE WHEN a.state <> 'blocked' OR a.waits_for > w.n THEN a.state
                          WHEN a.on_member_failure = 'fail' AND a.members_failed + w.bad > 0 THEN 'dead'
                          ELSE 'queued' END,
             run_at = CASE WHEN a.state = 'blocked' THEN greatest(a.run_at, now()) ELSE a.run_at END,
             finished_at = CASE WHEN a.state = 'blocked' AND a.waits_for = w.n AND a.on_member_failure = 'fail'
                             AND a.members_failed + w.bad > 0 THEN now() ELSE a.finished_at END,
             error = CASE WHEN a.state = 'blocked' AND a.waits_for = w.n AND a.on_member_failure = 'fail'
                       AND a.members_failed + w.bad > 0 THEN ${memberFailed("a.members_failed + w.bad")} ELSE a.error END
           FROM waiting w WHERE a.id = w.job_id
           RETURNING a.id, a.attempt, a.queue, a.priority, a.run_at, a.waits_for, a.state
         )`;
}

function memberFailed(count: string): string {
  return `jsonb_build_object('code', 'member-failed', 'message',
                         'members of the batch that did not succeed: ' || (${count}))`;
}

/** Rows of {@link release} that may start now; their wake-ups have to be written. */
export const RELEASED = `SELECT id, attempt, queue, priority, run_at FROM released WHERE state = 'queued' AND waits_for = 0`;
