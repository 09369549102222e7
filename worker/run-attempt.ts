import { failJob, Fenced, handBackJob, ownOutcome, succeedJob, type Claim } from "../jobs/attempts.ts";
import type { Queryable } from "../jobs/database.ts";
import type { Artifact, JobFailure } from "../jobs/job.ts";
import { PermanentFailure, type AnyKind, type JobContext, type NewArtifact } from "../jobs/kind.ts";
import type { Logger } from "../jobs/log.ts";
import type { ObjectStore } from "../jobs/objects.ts";
import { reasonOf, untilItWorks } from "../jobs/patience.ts";
import type { Kinds } from "../jobs/registry.ts";

/** The worker stops: its jobs go back to the queue. */
export class WorkerStops extends Error {
  override readonly name = "WorkerStops";
}

/** The worker was given up: its jobs belong to others. */
export class LeaseLost extends Error {
  override readonly name = "LeaseLost";
}

class TimedOut extends Error {
  override readonly name = "TimedOut";
}

export interface AttemptDeps {
  readonly pool: Queryable;
  readonly kinds: Kinds;
  readonly objects: ObjectStore;
  readonly engines: JobContext["engines"];
  readonly log: Logger;
}

/** What an attempt came to, before it is committed. */
type Ending =
  | { readonly is: "success"; readonly result: unknown; readonly artifact: Artifact | undefined }
  | { readonly is: "failure"; readonly failure: JobFailure; readonly retryInMs: number | undefined }
  | { readonly is: "hand-back" }
  | { readonly is: "lost" };

/**
 * Runs one attempt of a job to its end and commits what it came to. Never throws for what the job does.
 *
 * @param stop fires with {@link WorkerStops} or {@link LeaseLost}
 * @throws OutOfPatience when the database took no commit; the job is then found among the worker's strays
 */
export async function runAttempt(deps: AttemptDeps, claim: Claim, stop: AbortSignal): Promise<void> {
  const log = deps.log.child({ jobId: claim.jobId, kind: claim.kind, attempt: claim.attempt });
  const started = performance.now();
  const work = new Artifacts(deps.objects, claim);
  const ending = await perform({ ...deps, log }, claim, work, stop);
  const committed = await commit(deps.pool, claim, ending, log);
  if (!committed || ending.is !== "success") await work.discard(log);
  report(log, committed ? ending : { is: "lost" }, Math.round(performance.now() - started));
}

async function perform(deps: AttemptDeps, claim: Claim, work: Artifacts, stop: AbortSignal): Promise<Ending> {
  const kind = deps.kinds.get(claim.kind);
  if (!kind) return unknownKind(claim, deps.kinds);
  const timeout = new AbortController();
  const timer = setTimeout(() => {
    timeout.abort(new TimedOut(`the attempt took longer than ${kind.timeoutMs} ms`));
  }, kind.timeoutMs);
  const signal = AbortSignal.any([stop, timeout.signal]);
  const context: JobContext = {
    jobId: claim.jobId,
    attempt: claim.attempt,
    signal,
    log: deps.log,
    engines: deps.engines,
    saveArtifact: (artifact) => work.save(artifact, signal),
    progress: () => undefined,
    members: noMembers,
    readArtifact: async (artifact) => {
      const found = await deps.objects.read(artifact.key);
      if (!found) throw new Error(`artifact ${artifact.key} is not in the object store`);
      return found.stream;
    },
  };
  try {
    const result = await Promise.race([kind.perform(context, claim.params), aborted(signal)]);
    return { is: "success", result, artifact: work.saved };
  } catch (error) {
    return failed(kind, claim, signal.aborted ? signal.reason : error);
  } finally {
    clearTimeout(timer);
  }
}

async function* noMembers(): AsyncGenerator<never> {
  // Replaced with the batches.
}

/** A handler that ignores its signal must not hold its place for ever. */
async function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const stop = () => {
      reject(new Error("aborted"));
    };
    if (signal.aborted) stop();
    else signal.addEventListener("abort", stop, { once: true });
  });
}

function failed(kind: AnyKind, claim: Claim, error: unknown): Ending {
  if (error instanceof WorkerStops) return { is: "hand-back" };
  if (error instanceof LeaseLost) return { is: "lost" };
  const isLast = error instanceof PermanentFailure || claim.failures + 1 >= kind.retry.maxAttempts;
  return { is: "failure", failure: toFailure(error), retryInMs: isLast ? undefined : kind.retry.delayMs };
}

function toFailure(error: unknown): JobFailure {
  if (error instanceof PermanentFailure) return { code: error.code, message: error.message };
  return { code: error instanceof TimedOut ? "timeout" : "handler-failed", message: reasonOf(error) };
}

function unknownKind(claim: Claim, kinds: Kinds): Ending {
  const message = `this worker has no kind "${claim.kind}"; it has ${[...kinds.keys()].join(", ")}`;
  // Another release may have it: during a deploy old workers meet new jobs.
  return {
    is: "failure",
    failure: { code: "unknown-kind", message },
    retryInMs: claim.failures < 5 ? 5000 : undefined,
  };
}

/** Gives false when the job belongs to somebody else by now. */
async function commit(db: Queryable, claim: Claim, ending: Ending, log: Logger): Promise<boolean> {
  if (ending.is === "lost") return false;
  const committed = await untilItWorks(
    async () => {
      try {
        await write(db, claim, ending);
        return true;
      } catch (error) {
        if (error instanceof Fenced) return false;
        throw error;
      }
    },
    { what: `commit of job ${claim.jobId}`, log },
  );
  // The answer to a first try may have been lost on the way: then the second one is fenced by our own commit.
  return committed || (ending.is === "success" && (await ownOutcome(db, claim)) === "succeeded");
}

async function write(db: Queryable, claim: Claim, ending: Exclude<Ending, { is: "lost" }>): Promise<void> {
  switch (ending.is) {
    case "success":
      await succeedJob(db, claim, ending.result, ending.artifact);
      return;
    case "failure":
      await failJob(db, claim, ending.failure, ending.retryInMs);
      return;
    case "hand-back":
      await handBackJob(db, claim);
      return;
  }
}

function report(log: Logger, ending: Ending, milliseconds: number): void {
  switch (ending.is) {
    case "success":
      log.info({ milliseconds }, "job succeeded");
      return;
    case "failure":
      if (ending.retryInMs === undefined) log.error({ milliseconds, ...ending.failure }, "job is dead");
      else log.warn({ milliseconds, retryInMs: ending.retryInMs, ...ending.failure }, "attempt failed");
      return;
    case "hand-back":
      log.info({ milliseconds }, "job handed back");
      return;
    case "lost":
      log.warn({ milliseconds }, "job belongs to another attempt; what was made is dropped");
      return;
  }
}

/** What an attempt stored. Keys hold the attempt, so that no attempt can touch what another one made. */
class Artifacts {
  saved: Artifact | undefined;
  readonly #objects: ObjectStore;
  readonly #claim: Claim;

  constructor(objects: ObjectStore, claim: Claim) {
    this.#objects = objects;
    this.#claim = claim;
  }

  async save({ mediaType, extension, content }: NewArtifact, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.saved) throw new Error("a job saves one artifact; this one saves a second");
    const key = artifactKey(this.#claim, extension);
    this.saved = { key, mediaType, ...(await this.#objects.put(key, content)) };
  }

  async discard(log: Logger): Promise<void> {
    if (!this.saved) return;
    await this.#objects.remove(this.saved.key).catch((error: unknown) => {
      log.warn({ err: error, key: this.saved?.key }, "an artifact that nobody sees could not be removed");
    });
  }
}

/** Spread over 256 folders by the id's time. */
function artifactKey({ jobId, attempt }: Claim, extension: string): string {
  const folder = ((BigInt(jobId) >> 22n) & 0xffn).toString(16).padStart(2, "0");
  return `artifacts/${folder}/${jobId}-${attempt}.${extension}`;
}
