import { ownOutcome, type AttemptEnd, type Claim } from "../jobs/attempts.ts";
import { readMembers } from "../jobs/batches.ts";
import type { Coalescer } from "../jobs/coalesce.ts";
import { isDataError, type Queryable } from "../jobs/database.ts";
import type { Artifact, JobFailure, JobProgress } from "../jobs/job.ts";
import { retryDelayMs, type AnyKind, type Progress } from "../jobs/kind.ts";
import type { Logger } from "../jobs/log.ts";
import type { ObjectStore } from "../jobs/object-store.ts";
import { reasonOf, untilItWorks } from "../jobs/patience.ts";
import type { Kinds } from "../jobs/registry.ts";
import { NoPlace, RunnerDied, type JobRunner, type WorkOutcome } from "./runner.ts";

/** The worker stops: its jobs go back to the queue. */
export class WorkerStops extends Error {
  override readonly name = "WorkerStops";
}

/** The worker was given up: its jobs belong to others. */
export class LeaseLost extends Error {
  override readonly name = "LeaseLost";
}

/** Somebody wants the job cancelled. */
export class Cancelled extends Error {
  override readonly name = "Cancelled";
}

class TimedOut extends Error {
  override readonly name = "TimedOut";
}

export interface AttemptDeps {
  readonly pool: Queryable;
  readonly kinds: Kinds;
  readonly objects: ObjectStore;
  readonly runner: JobRunner;
  readonly log: Logger;
}

/** Commits ends of attempts together; gives whether each was committed. */
export type Ends = Coalescer<AttemptEnd, boolean>;

/** An attempt under way. */
export interface Running {
  readonly claim: Claim;
  /** Aborted with {@link WorkerStops}, {@link LeaseLost} or {@link Cancelled}; and by the attempt itself when its time is over. */
  readonly controller: AbortController;
  /** Told by the handler and not yet written. */
  progress: JobProgress | undefined;
}

/** What an attempt came to, before it is committed. Nothing is committed where the lease was lost. */
type Ending = AttemptEnd | { readonly outcome: "dropped" };

/**
 * Runs one attempt of a job to its end and commits what it came to. Never throws for what the job does.
 *
 * @param onHandled called when the handler is through and only the commit is left
 * @throws OutOfPatience when the database took no commit; the job is then found among the worker's strays
 */
export async function runAttempt(
  deps: AttemptDeps,
  ends: Ends,
  running: Running,
  onHandled: () => void,
): Promise<void> {
  const { claim } = running;
  const started = performance.now();
  const { ending, artifact } = await perform(deps, running);
  onHandled();
  const committed = await commit(deps.pool, ends, ending, deps.log);
  if (artifact && committed?.outcome !== "succeeded") await discard(deps.objects, artifact, deps.log);
  report(deps, claim, committed, Math.round(performance.now() - started));
}

interface Performed {
  readonly ending: Ending;
  readonly artifact?: Artifact | undefined;
}

async function perform(deps: AttemptDeps, running: Running): Promise<Performed> {
  const { claim, controller } = running;
  const kind = deps.kinds.get(claim.kind);
  if (!kind) return { ending: unknownKind(claim, deps.kinds) };
  const timer = setTimeout(() => {
    controller.abort(new TimedOut(`the attempt took longer than ${kind.timeoutMs} ms`));
  }, kind.timeoutMs);
  const { jobId, attempt, params } = claim;
  const host = {
    progress: (progress: Progress) => {
      running.progress = tidy(progress);
    },
    members: (after: number) => readMembers(deps.pool, jobId, after),
  };
  try {
    const outcome = await deps.runner.run({ jobId, attempt, kind: claim.kind, params }, host, controller.signal);
    return { ending: endingOf(kind, claim, outcome), artifact: outcome.artifact };
  } catch (error) {
    return { ending: interrupted(kind, claim, controller.signal.aborted ? controller.signal.reason : error) };
  } finally {
    clearTimeout(timer);
  }
}

const MESSAGE_CHARACTERS = 200;

/** Longest code and text of a failure; a handler's message may hold a whole page of somebody else's. */
const CODE_CHARACTERS = 100;
const FAILURE_CHARACTERS = 4000;

/** One handler's odd words must not spoil the statement that carries everybody's. */
function tidy({ percent, message }: Progress): JobProgress {
  const within = Number.isFinite(percent) ? Math.min(Math.max(percent, 0), 100) : 0;
  return { percent: within, message: message === undefined ? null : storable(message).slice(0, MESSAGE_CHARACTERS) };
}

/** Text as Postgres can keep it. */
function storable(text: string): string {
  return text.replaceAll("\0", "").toWellFormed();
}

function endingOf(kind: AnyKind, claim: Claim, outcome: WorkOutcome): AttemptEnd {
  switch (outcome.is) {
    case "success":
      return { claim, outcome: "succeeded", result: outcome.result, artifact: outcome.artifact };
    case "failure":
      return failed(kind, claim, outcome.failure, outcome.permanent);
  }
}

/** The signal fired, or the place where the handler ran is gone. */
function interrupted(kind: AnyKind, claim: Claim, error: unknown): Ending {
  if (error instanceof WorkerStops || error instanceof NoPlace) return { claim, outcome: "handed-back" };
  if (error instanceof LeaseLost) return { outcome: "dropped" };
  if (error instanceof Cancelled) return { claim, outcome: "cancelled" };
  if (error instanceof TimedOut) return failed(kind, claim, { code: "timeout", message: error.message }, false);
  if (error instanceof RunnerDied) {
    const failure = { code: "runner-died", message: storable(error.message) };
    // Alone in its place it is the only one that can have brought it down.
    return error.alone ? failed(kind, claim, failure, false) : { claim, outcome: "lost", failure };
  }
  return failed(kind, claim, { code: "handler-failed", message: reasonOf(error) }, false);
}

function failed(kind: AnyKind, claim: Claim, failure: JobFailure, permanent: boolean): AttemptEnd {
  const failures = claim.failures + 1;
  const isLast = permanent || failures >= kind.retry.maxAttempts;
  const kept = {
    code: storable(failure.code).slice(0, CODE_CHARACTERS),
    message: storable(failure.message).slice(0, FAILURE_CHARACTERS),
  };
  const retryInMs = isLast ? undefined : retryDelayMs(kind.retry, failures);
  return { claim, outcome: "failed", failure: kept, retryInMs };
}

/** Tries, five seconds apart, of a job whose kind a worker does not have: half of the workers may be those of before, for minutes in a canary. */
const UNKNOWN_KIND_TRIES = 24;

function unknownKind(claim: Claim, kinds: Kinds): AttemptEnd {
  const message = `this worker has no kind "${claim.kind}"; it has ${[...kinds.keys()].join(", ")}`;
  const failure = { code: "unknown-kind", message };
  // Another release may have it: during a deploy old workers meet new jobs.
  return { claim, outcome: "failed", failure, retryInMs: claim.failures < UNKNOWN_KIND_TRIES ? 5000 : undefined };
}

/** Gives what was committed; `undefined` when the job belongs to somebody else by now. */
async function commit(db: Queryable, ends: Ends, ending: Ending, log: Logger): Promise<AttemptEnd | undefined> {
  if (ending.outcome === "dropped") return undefined;
  const { claim } = ending;
  const written = await untilItWorks(() => write(ends, ending), { what: `commit of job ${claim.jobId}`, log });
  if (written) return written;
  // The answer to a first try may have been lost on the way: then the second one is fenced by our own commit.
  return (await ownOutcome(db, claim)) === ending.outcome ? ending : undefined;
}

/** A result that cannot be kept is the job's failure, and would be the same another time. */
async function write(ends: Ends, ending: AttemptEnd): Promise<AttemptEnd | undefined> {
  try {
    return (await ends.add(ending)) ? ending : undefined;
  } catch (error) {
    if (!isDataError(error) || ending.outcome !== "succeeded") throw error;
    const failure = { code: "result-refused", message: `the result cannot be kept: ${storable(reasonOf(error))}` };
    const refused: AttemptEnd = { claim: ending.claim, outcome: "failed", failure, retryInMs: undefined };
    return (await ends.add(refused)) ? refused : undefined;
  }
}

async function discard(objects: ObjectStore, artifact: Artifact, log: Logger): Promise<void> {
  await objects.remove(artifact.key).catch((error: unknown) => {
    log.warn({ err: error, key: artifact.key }, "an artifact that nobody sees could not be removed");
  });
}

/** Not through a logger of each job's own: making one costs more than its line. */
function report({ log, kinds }: AttemptDeps, claim: Claim, end: AttemptEnd | undefined, milliseconds: number): void {
  const about = { jobId: claim.jobId, kind: claim.kind, attempt: claim.attempt, milliseconds };
  switch (end?.outcome) {
    case undefined:
      log.warn(about, "job belongs to another attempt; what was made is dropped");
      return;
    case "succeeded":
      log.info(about, "job succeeded");
      return;
    case "failed": {
      const { failure, retryInMs } = end;
      const maxAttempts = kinds.get(claim.kind)?.retry.maxAttempts;
      const told = { ...about, failures: claim.failures + 1, maxAttempts, ...failure };
      if (retryInMs === undefined) log.error(told, `attempt ${claim.attempt} failed; job is dead`);
      else log.warn({ ...told, retryInMs }, `attempt ${claim.attempt} failed`);
      return;
    }
    case "lost":
      log.error({ ...about, ...end.failure }, `attempt ${claim.attempt} was lost with its place`);
      return;
    case "handed-back":
      log.info(about, "job handed back");
      return;
    case "cancelled":
      log.info(about, "job cancelled");
      return;
  }
}
