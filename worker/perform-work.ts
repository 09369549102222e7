import type { Artifact, JobFailure } from "../jobs/job.ts";
import { PermanentFailure, type JobContext, type Member, type NewArtifact, type Upkeep } from "../jobs/kind.ts";
import type { Logger } from "../jobs/log.ts";
import type { ObjectStore } from "../jobs/object-store.ts";
import { reasonOf } from "../jobs/patience.ts";
import type { Kinds } from "../jobs/registry.ts";
import type { Work, WorkHost, WorkOutcome } from "./runner.ts";

/** What handlers are given, wherever they run. */
export interface PerformDeps {
  readonly kinds: Kinds;
  readonly objects: ObjectStore;
  readonly engines: JobContext["engines"];
  readonly log: Logger;
  /** Given to kinds that say `upkeep: true`, and to no others. */
  readonly upkeep?: Upkeep;
}

/**
 * Runs a handler to its own end; never throws for what it does.
 *
 * Once the signal has fired nobody waits for the outcome: what the handler stored is removed when it ends.
 */
export async function performWork(
  deps: PerformDeps,
  work: Work,
  host: WorkHost,
  signal: AbortSignal,
): Promise<WorkOutcome> {
  const kind = deps.kinds.get(work.kind);
  if (!kind) return failure(unknownKind(work, deps.kinds), false, undefined);
  // Most handlers say nothing, and a logger of their own costs more than what they do.
  let log: Logger | undefined;
  const ownLog = () => (log ??= deps.log.child({ jobId: work.jobId, kind: work.kind, attempt: work.attempt }));
  const artifacts = new Artifacts(deps.objects, work);
  const context: JobContext = {
    jobId: work.jobId,
    attempt: work.attempt,
    signal,
    get log() {
      return ownLog();
    },
    engines: deps.engines,
    saveArtifact: (artifact) => artifacts.save(artifact, signal),
    progress: (progress) => {
      host.progress(progress);
    },
    members: () => membersOf(host, signal),
    readArtifact: (artifact) => readArtifact(deps.objects, artifact),
    ...(kind.upkeep === true && deps.upkeep && { upkeep: deps.upkeep }),
  };
  try {
    const result = await kind.perform(context, work.params);
    return { is: "success", result, artifact: artifacts.saved };
  } catch (error) {
    return failure(toFailure(error), error instanceof PermanentFailure, artifacts.saved);
  } finally {
    if (signal.aborted) await artifacts.discard(ownLog());
  }
}

function failure(reason: JobFailure, permanent: boolean, artifact: Artifact | undefined): WorkOutcome {
  return { is: "failure", failure: reason, permanent, artifact };
}

function toFailure(error: unknown): JobFailure {
  if (error instanceof PermanentFailure) return { code: error.code, message: error.message };
  return { code: "handler-failed", message: reasonOf(error) };
}

function unknownKind(work: Work, kinds: Kinds): JobFailure {
  const message = `this worker has no kind "${work.kind}"; it has ${[...kinds.keys()].join(", ")}`;
  return { code: "unknown-kind", message };
}

async function* membersOf(host: WorkHost, signal: AbortSignal): AsyncGenerator<Member> {
  let after = -1;
  for (;;) {
    signal.throwIfAborted();
    const page = await host.members(after);
    yield* page;
    const last = page.at(-1);
    if (!last) return;
    after = last.position;
  }
}

async function readArtifact(objects: ObjectStore, artifact: Artifact) {
  const found = await objects.read(artifact.key);
  if (!found) throw new Error(`artifact ${artifact.key} is not in the object store`);
  return found.stream;
}

/** What an attempt stored. Keys hold the attempt, so that no attempt can touch what another one made. */
class Artifacts {
  saved: Artifact | undefined;
  readonly #objects: ObjectStore;
  readonly #work: Work;

  constructor(objects: ObjectStore, work: Work) {
    this.#objects = objects;
    this.#work = work;
  }

  async save({ mediaType, extension, content }: NewArtifact, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.saved) throw new Error("a job saves one artifact; this one saves a second");
    const key = artifactKey(this.#work, extension);
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
function artifactKey({ jobId, attempt }: Work, extension: string): string {
  const folder = ((BigInt(jobId) >> 22n) & 0xffn).toString(16).padStart(2, "0");
  return `artifacts/${folder}/${jobId}-${attempt}.${extension}`;
}
