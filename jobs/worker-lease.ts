import { run, type Queryable } from "./database.ts";

/** How long a worker counts as alive after its last heartbeat, in milliseconds: a restart is noticed within 10 s. */
export const WORKER_LEASE_MS = 6000;

/** How often a job may lose its worker before it counts as what kills them. */
export const MAX_LOSSES = 10;

/** Jobs taken over in one statement. */
const TAKE_OVER_BATCH = 500;

const REGISTER = {
  name: "worker-register",
  text: `INSERT INTO workers (name, queues, lease_until) VALUES ($1, $2, now() + $3 * interval '1 ms') RETURNING id`,
};
const LEAVE = { name: "worker-leave", text: `DELETE FROM workers WHERE id = $1` };

const ORPHANS = `EXISTS (SELECT FROM jobs j WHERE j.state = 'active' AND NOT EXISTS (
                   SELECT FROM workers w WHERE w.id = j.worker AND w.lease_until >= now()))`;
const PULSE = {
  name: "pulse",
  text: `SELECT EXISTS (SELECT FROM outbox) AS outbox, ${ORPHANS} AS orphans, true AS alive, 0 AS held`,
};
const HEARTBEAT = {
  name: "heartbeat",
  text: `WITH beat AS (
           UPDATE workers SET lease_until = now() + $2 * interval '1 ms' WHERE id = $1 RETURNING id
         )
         SELECT EXISTS (SELECT FROM outbox) AS outbox, ${ORPHANS} AS orphans, EXISTS (SELECT FROM beat) AS alive,
           (SELECT count(*)::int FROM jobs WHERE worker = $1 AND state = 'active') AS held`,
};
const TAKE_OVER = {
  name: "take-over",
  // A heartbeat that comes in between keeps its row, and with it its jobs: they are looked up by what was deleted.
  text: `WITH gone AS (
           DELETE FROM workers WHERE lease_until < now() RETURNING id
         ), orphan AS (
           SELECT j.id FROM jobs j
           WHERE j.state = 'active' AND (j.worker IN (SELECT id FROM gone)
             OR NOT EXISTS (SELECT FROM workers w WHERE w.id = j.worker))
           LIMIT $1 FOR UPDATE SKIP LOCKED
         ), lost AS (
           UPDATE jobs j SET losses = losses + 1, worker = NULL, run_at = now(),
             state = CASE WHEN losses + 1 >= $2 THEN 'dead' ELSE 'queued' END,
             error = jsonb_build_object('code', 'worker-lost', 'message', 'the worker stopped while it ran this job'),
             finished_at = CASE WHEN losses + 1 >= $2 THEN now() END
           FROM orphan WHERE j.id = orphan.id RETURNING j.id, j.attempt, j.queue, j.priority, j.run_at, j.state, j.error
         ), noted AS (
           UPDATE attempts a SET outcome = 'lost', error = lost.error, finished_at = now()
           FROM lost WHERE a.job_id = lost.id AND a.attempt = lost.attempt
         ), wake AS (
           INSERT INTO outbox (job_id, attempt, queue, priority, run_at)
           SELECT id, attempt, queue, priority, run_at FROM lost WHERE state = 'queued'
         )
         SELECT id FROM lost`,
};

const STRAYS = {
  name: "hand-back-strays",
  // Five seconds: the answer to a claim may still be on its way.
  text: `WITH stray AS (
           UPDATE jobs SET state = 'queued', worker = NULL, run_at = now()
           WHERE worker = $1 AND state = 'active' AND started_at < now() - interval '5 s' AND id <> ALL ($2::bigint[])
           RETURNING id, attempt, queue, priority, run_at
         ), noted AS (
           UPDATE attempts a SET outcome = 'handed-back', finished_at = now()
           FROM stray WHERE a.job_id = stray.id AND a.attempt = stray.attempt
         ), wake AS (
           INSERT INTO outbox (job_id, attempt, queue, priority, run_at)
           SELECT id, attempt, queue, priority, run_at FROM stray
         )
         SELECT id FROM stray`,
};

/** What a look at the database found. */
export interface Pulse {
  /** Wake-ups wait for the relay. */
  readonly outbox: boolean;
  /** Jobs run under a worker that is gone. */
  readonly orphans: boolean;
  /** The worker's own lease still stands; always true without one. */
  readonly alive: boolean;
  /** Jobs that the worker holds; 0 without one. */
  readonly held: number;
}

/** Makes a worker known; its jobs are its own while its heartbeat goes on. */
export async function registerWorker(db: Queryable, name: string, queues: readonly string[]): Promise<string> {
  const [row] = await run<{ id: string }>(db, REGISTER, [name, queues, WORKER_LEASE_MS]);
  if (!row) throw new Error("the worker could not be registered: the insert gave no row back");
  return row.id;
}

/** Ends a worker's lease; what it still held is taken over at once. */
export async function leaveWorker(db: Queryable, workerId: string): Promise<void> {
  await run(db, LEAVE, [workerId]);
}

/** One query a second is all that an idle process asks: what is to be done, and the heartbeat with it. */
export async function pulse(db: Queryable, workerId: string | undefined): Promise<Pulse> {
  const rows =
    workerId === undefined ? await run<Pulse>(db, PULSE) : await run<Pulse>(db, HEARTBEAT, [workerId, WORKER_LEASE_MS]);
  const [row] = rows;
  if (!row) throw new Error("the pulse gave no row back");
  return row;
}

/**
 * Queues the jobs of dead workers again, at most 500 at a time; gives how many.
 * Any number of processes may do it at once.
 */
export async function takeOver(db: Queryable): Promise<number> {
  return (await run(db, TAKE_OVER, [TAKE_OVER_BATCH, MAX_LOSSES])).length;
}

/** Queues jobs again that a worker holds but does not run; gives how many. */
export async function handBackStrays(db: Queryable, workerId: string, running: readonly string[]): Promise<number> {
  return (await run(db, STRAYS, [workerId, running])).length;
}
