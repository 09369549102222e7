import { run, runAlone, type Queryable } from "./database.ts";
import { endingStatement, type EndedRow } from "./ending.ts";
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
  /** Who holds it. */
  readonly worker: string;
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

/** Shortest pause before a wake-up that came too early is tried again, in milliseconds. */
const SHORTEST_PAUSE_MS = 100;

const CLAIM = {
  name: "jobs-claim",
  // Only under a lease that still stands: a worker that was given up must not take new work.
  text: `UPDATE jobs SET state = 'active', attempt = attempt + 1, worker = $2, started_at = now(), progress = NULL
         WHERE id = ANY ($1::bigint[]) AND state IN ('queued', 'retrying') AND run_at <= now() + $3 * interval '1 ms'
           AND EXISTS (SELECT FROM workers WHERE id = $2 AND lease_until > '-infinity')
         RETURNING id, attempt, kind, queue, params, failures, worker`,
};
const WHY_NOT = {
  name: "jobs-claim-why-not",
  text: `SELECT id, greatest($2, extract(epoch FROM run_at - now()) * 1000)::float8 AS delay_ms
         FROM jobs WHERE id = ANY ($1::bigint[]) AND state IN ('queued', 'retrying')`,
};
const END = endingStatement(
  "attempts-end",
  `asked AS (
           SELECT * FROM unnest($1::bigint[], $2::int[], $3::bigint[], $4::text[], $5::jsonb[], $6::jsonb[], $7::float8[],
             $8::text[], $9::text[], $10::bigint[], $11::text[])
             AS a(id, attempt, worker, outcome, result, error, retry_ms, object_key, media_type, bytes, sha256)
         )`,
);
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
  worker: string;
}

/** Takes jobs for a worker, in one statement; of many that try at once one gets each. Answers in the order of the ids. */
export async function claimJobs(db: Queryable, jobIds: readonly string[], workerId: string): Promise<ClaimOutcome[]> {
  // Everybody locks in the order of the ids; an id twice is one job.
  const ids = [...new Set(jobIds)].sort(byNumber);
  const rows = await runAlone<ClaimRow>(db, CLAIM, [ids, workerId, EARLY_TOLERANCE_MS]);
  const outcomes = new Map<string, ClaimOutcome>();
  for (const { id, ...rest } of rows) outcomes.set(id, { outcome: "claimed", claim: { jobId: id, ...rest } });
  const others = ids.filter((id) => !outcomes.has(id));
  if (others.length > 0) {
    const early = await run<{ id: string; delay_ms: number }>(db, WHY_NOT, [others, SHORTEST_PAUSE_MS]);
    for (const { id, delay_ms: delayMs } of early) outcomes.set(id, { outcome: "early", delayMs });
  }
  return jobIds.map((id) => {
    const outcome = outcomes.get(id) ?? { outcome: "gone" };
    outcomes.delete(id);
    return outcome;
  });
}

function byNumber(a: string, b: string): number {
  return a.length - b.length || (a < b ? -1 : 1);
}

/** Takes one job for a worker. */
export async function claimJob(db: Queryable, jobId: string, workerId: string): Promise<ClaimOutcome> {
  const [outcome] = await claimJobs(db, [jobId], workerId);
  return outcome ?? { outcome: "gone" };
}

/** How an attempt ends. */
export type AttemptEnd = { readonly claim: Claim } & (
  | { readonly outcome: "succeeded"; readonly result: unknown; readonly artifact: Artifact | undefined }
  /** The next attempt starts after retryInMs; without it the job is dead. */
  | { readonly outcome: "failed"; readonly failure: JobFailure; readonly retryInMs: number | undefined }
  /** The place where it ran is gone. Counts against the job only when it comes ten times. */
  | { readonly outcome: "lost"; readonly failure: JobFailure }
  /** The worker stops. It counts as no failure. */
  | { readonly outcome: "handed-back" }
  | { readonly outcome: "cancelled" }
);

/** What became of ends. */
export interface Ended {
  /** For each end whether it was committed, in their order. */
  readonly committed: readonly boolean[];
  /** Something is in the outbox. */
  readonly woke: boolean;
}

/** Commits the ends of attempts together: each whole, or not at all where another attempt holds the job by now, or none. */
export async function endAttempts(db: Queryable, ends: readonly AttemptEnd[]): Promise<Ended> {
  const sorted = ends.toSorted((a, b) => byNumber(a.claim.jobId, b.claim.jobId));
  const rows = await runAlone<EndedRow>(db, END, endValues(sorted));
  const held = new Set(rows.map((row) => `${row.id}-${row.attempt}`));
  const committed = ends.map(({ claim }) => held.has(`${claim.jobId}-${claim.attempt}`));
  return { committed, woke: rows[0]?.woke === true };
}

function endValues(ends: readonly AttemptEnd[]): unknown[] {
  const artifacts = ends.map((end) => (end.outcome === "succeeded" ? end.artifact : undefined));
  return [
    ends.map((end) => end.claim.jobId),
    ends.map((end) => end.claim.attempt),
    ends.map((end) => end.claim.worker),
    ends.map((end) => end.outcome),
    ends.map((end) => (end.outcome === "succeeded" ? JSON.stringify(end.result ?? null) : null)),
    ends.map((end) => (end.outcome === "failed" || end.outcome === "lost" ? JSON.stringify(end.failure) : null)),
    ends.map((end) => (end.outcome === "failed" ? (end.retryInMs ?? null) : null)),
    artifacts.map((artifact) => artifact?.key ?? null),
    artifacts.map((artifact) => artifact?.mediaType ?? null),
    artifacts.map((artifact) => artifact?.bytes ?? null),
    artifacts.map((artifact) => artifact?.sha256 ?? null),
  ];
}

async function endOne(db: Queryable, end: AttemptEnd): Promise<void> {
  const { committed } = await endAttempts(db, [end]);
  if (committed[0] !== true) throw new Fenced(end.claim);
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
  await endOne(db, { claim, outcome: "succeeded", result, artifact });
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
  await endOne(db, { claim, outcome: "failed", failure, retryInMs });
}

/**
 * Gives a job back that this worker cannot finish, because it stops. It counts as no failure.
 *
 * @throws Fenced when another attempt holds the job, or none
 */
export async function handBackJob(db: Queryable, claim: Claim): Promise<void> {
  await endOne(db, { claim, outcome: "handed-back" });
}

/** How an attempt ended, by the record; `undefined` while it has not. */
export async function ownOutcome(db: Queryable, claim: Claim): Promise<string | undefined> {
  const [row] = await run<{ outcome: string }>(db, OWN_OUTCOME, [claim.jobId, claim.attempt]);
  return row?.outcome;
}
