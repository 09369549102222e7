import { run, runAlone, type Queryable } from "./database.ts";
import { endingStatement, MAX_LOSSES, NOTHING_KEPT } from "./ending.ts";
import type { JobProgress } from "./job.ts";

export { MAX_LOSSES };

/** How long a worker counts as alive after its last heartbeat, in milliseconds: a restart is noticed within 10 s. */
export const WORKER_LEASE_MS = 6000;

/** Jobs taken over in one statement. */
const TAKE_OVER_BATCH = 500;

const REGISTER = {
  name: "worker-register",
  text: `INSERT INTO workers (name, queues, lease_until) VALUES ($1, $2, now() + $3 * interval '1 ms') RETURNING id`,
};
const GIVE_UP = { name: "worker-give-up", text: `UPDATE workers SET lease_until = '-infinity' WHERE id = $1` };

/** Looks at the few rows of workers, never at jobs: dead rows of a busy queue would make it slow. */
const ORPHANS = `EXISTS (SELECT FROM workers WHERE lease_until < now())`;
const OLDEST = `(SELECT min(id) FROM outbox)`;
const PULSE = {
  name: "pulse",
  text: `SELECT ${OLDEST} AS oldest, ${ORPHANS} AS orphans, true AS alive, 0 AS held,
           '{}'::bigint[] AS cancelled`,
};
const HEARTBEAT = {
  name: "heartbeat",
  text: `WITH beat AS (
           UPDATE workers SET lease_until = now() + $2 * interval '1 ms' WHERE id = $1 AND lease_until > '-infinity'
           RETURNING id
         ), shown AS (
           UPDATE jobs j SET progress = p.progress
           FROM unnest($3::bigint[], $4::int[], $5::jsonb[]) AS p(id, attempt, progress)
           WHERE j.id = p.id AND j.attempt = p.attempt AND j.state = 'active'
         ), mine AS (
           SELECT id, cancel_requested_at FROM jobs WHERE worker = $1 AND state = 'active'
         )
         SELECT ${OLDEST} AS oldest, ${ORPHANS} AS orphans, EXISTS (SELECT FROM beat) AS alive,
           (SELECT count(*)::int FROM mine) AS held,
           (SELECT coalesce(array_agg(id), '{}') FROM mine WHERE cancel_requested_at IS NOT NULL) AS cancelled`,
};

const LOST = `'lost' AS outcome, ${NOTHING_KEPT},
             jsonb_build_object('code', 'worker-lost', 'message', 'the worker stopped while it ran this job') AS error`;
const TAKE_OVER = endingStatement(
  "take-over",
  // A heartbeat that comes in between keeps the row alive, and with it the jobs. One that was given up stays so.
  `gone AS (
           UPDATE workers SET lease_until = '-infinity' WHERE lease_until < now() RETURNING id
         ), asked AS (
           SELECT j.id, j.attempt, j.worker, ${LOST} FROM jobs j
           WHERE j.state = 'active' AND j.worker IN (SELECT id FROM gone) LIMIT $1 FOR UPDATE SKIP LOCKED
         )`,
);
const BURY = {
  name: "workers-bury",
  text: `DELETE FROM workers w WHERE lease_until = '-infinity'
           AND NOT EXISTS (SELECT FROM jobs j WHERE j.state = 'active' AND j.worker = w.id)`,
};
const TAKE_OVER_UNKNOWN = endingStatement(
  "take-over-unknown",
  `asked AS (
           SELECT j.id, j.attempt, j.worker, ${LOST} FROM jobs j
           WHERE j.state = 'active' AND NOT EXISTS (SELECT FROM workers w WHERE w.id = j.worker)
           LIMIT $1 FOR UPDATE SKIP LOCKED
         )`,
);
const ABANDON = endingStatement(
  "abandon",
  `asked AS (
           SELECT j.id, j.attempt, j.worker, ${LOST} FROM jobs j
           WHERE j.worker = $1 AND j.state = 'active' FOR UPDATE SKIP LOCKED
         )`,
);
const STRAYS = endingStatement(
  "hand-back-strays",
  // Five seconds: the answer to a claim may still be on its way.
  `asked AS (
           SELECT id, attempt, worker, 'handed-back' AS outcome, NULL::jsonb AS error, ${NOTHING_KEPT} FROM jobs
           WHERE worker = $1 AND state = 'active' AND started_at < now() - interval '5 s' AND id <> ALL ($2::bigint[])
           FOR UPDATE SKIP LOCKED
         )`,
);

/** What a look at the database found. */
export interface Pulse {
  /** Number of the oldest row in the outbox; null when it is empty. */
  readonly oldest: string | null;
  /** A worker is gone; jobs may run under it. */
  readonly orphans: boolean;
  /** The worker's own lease still stands; always true without one. */
  readonly alive: boolean;
  /** Jobs that the worker holds; 0 without one. */
  readonly held: number;
  /** Those of them that somebody wants cancelled. */
  readonly cancelled: readonly string[];
}

/** How far a job is, as its worker was told. */
export interface ProgressNote {
  readonly jobId: string;
  readonly attempt: number;
  readonly progress: JobProgress;
}

/** Makes a worker known; its jobs are its own while its heartbeat goes on. */
export async function registerWorker(db: Queryable, name: string, queues: readonly string[]): Promise<string> {
  const [row] = await run<{ id: string }>(db, REGISTER, [name, queues, WORKER_LEASE_MS]);
  if (!row) throw new Error("the worker could not be registered: the insert gave no row back");
  return row.id;
}

/** Ends a worker's lease; what it still held is taken over at once. */
export async function leaveWorker(db: Queryable, workerId: string): Promise<void> {
  await run(db, GIVE_UP, [workerId]);
  await run(db, BURY);
}

/**
 * One query a second is all that an idle process asks: what is to be done, and the heartbeat with it.
 *
 * @param progress what its jobs told since the last time
 */
export async function pulse(
  db: Queryable,
  workerId: string | undefined,
  progress: readonly ProgressNote[] = [],
): Promise<Pulse> {
  const rows =
    workerId === undefined
      ? await run<Pulse>(db, PULSE)
      : await runAlone<Pulse>(db, HEARTBEAT, [
          ...[workerId, WORKER_LEASE_MS],
          progress.map((note) => note.jobId),
          progress.map((note) => note.attempt),
          progress.map((note) => JSON.stringify(note.progress)),
        ]);
  const [row] = rows;
  if (!row) throw new Error("the pulse gave no row back");
  return row;
}

/**
 * Queues the jobs of dead workers again, at most 500 at a time; gives how many.
 * Any number of processes may do it at once.
 */
export async function takeOver(db: Queryable): Promise<number> {
  const taken = await runAlone(db, TAKE_OVER, [TAKE_OVER_BATCH]);
  if (taken.length < TAKE_OVER_BATCH) await run(db, BURY);
  return taken.length;
}

/** The same for jobs whose worker is not even known any more: no rule of ours leads there. */
export async function takeOverUnknown(db: Queryable): Promise<number> {
  return (await runAlone(db, TAKE_OVER_UNKNOWN, [TAKE_OVER_BATCH])).length;
}

/** The same for a worker that finds itself given up; gives how many. */
export async function abandonJobs(db: Queryable, workerId: string): Promise<number> {
  return (await runAlone(db, ABANDON, [workerId])).length;
}

/** Queues jobs again that a worker holds but does not run; gives how many. */
export async function handBackStrays(db: Queryable, workerId: string, running: readonly string[]): Promise<number> {
  return (await runAlone(db, STRAYS, [workerId, running])).length;
}
