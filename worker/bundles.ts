import { Worker, type Job } from "bullmq";
import type { Redis } from "ioredis";
import { setImmediate as nextTurn, setTimeout as sleep } from "node:timers/promises";
import type { Logger } from "../jobs/log.ts";
import { QUEUE_PREFIX, type Wake, type WakePayload } from "../jobs/wake.ts";
import type { Slots } from "./slots.ts";
import { STALLED_CHECK_MS } from "./stalled.ts";

/** How long a fetched bundle is its worker's before it counts as stalled, in milliseconds. */
const LOCK_MS = 4000;

/** How long one look at an empty queue waits in Redis, in seconds. */
const LOOK_SECONDS = 10;

/** Pause after an error of Redis, in milliseconds. */
const PAUSE_MS = 500;

/** A bundle comes back as often as it takes: what is dead is decided in Postgres. */
const NEVER_TOO_OFTEN = 1_000_000;

export interface BundlesDeps {
  readonly queue: string;
  /** A connection that waits; BullMQ makes its own from it. */
  readonly blockingRedis: Redis;
  readonly wake: Wake;
  readonly slots: Slots;
  readonly log: Logger;
  /** Takes as many jobs as there are entries; each holds a place already. Gives those that it could not take yet. Never throws. */
  readonly take: (
    entries: readonly string[],
  ) => Promise<{ readonly early: readonly string[]; readonly delayMs: number }>;
}

/** Fetches the bundles of one queue. */
export interface Bundles {
  /** Puts bundles back whose worker died before it had claimed anything. */
  putBackStalled(): Promise<void>;
  /** Fetches nothing more; ends when what was fetched is taken or put back. The slots have to be closed before. */
  close(): Promise<void>;
}

/**
 * Fetches bundles while there are free places. A bundle stays in BullMQ's list of active ones until its jobs are claimed in Postgres:
 * should this process die before, it comes back as stalled. After that Postgres's own lease stands for the jobs. What does not fit goes
 * back to the head of the queue at once, for whoever has room.
 */
export function startBundles(deps: BundlesDeps): Bundles {
  const worker = openWorker(deps);
  const state: Fetching = { closed: false, fetched: 0, taking: new Set() };
  const looping = loop(deps, worker, state);
  return {
    putBackStalled: async () => {
      const stalled = await worker.backend.moveStalledJobsToWait();
      if (stalled.length > 0)
        deps.log.info({ bundles: stalled.length, queue: deps.queue }, "stalled bundles were put back");
    },
    close: async () => {
      state.closed = true;
      await Promise.all(state.taking);
      // Ends the look at an empty queue; what it fetched in this very moment is put back by the loop.
      await worker.close(true);
      await looping;
      await Promise.all(state.taking);
    },
  };
}

/** A bundle as it comes: an eviction may have taken its contents, and what it held counts as missing once it is put away. */
type Fetched = Partial<WakePayload>;

interface Fetching {
  closed: boolean;
  /** Makes the tokens of BullMQ's locks differ. */
  fetched: number;
  /** Bundles that are being claimed. */
  readonly taking: Set<Promise<void>>;
}

async function loop(deps: BundlesDeps, worker: Worker<Fetched>, state: Fetching): Promise<void> {
  while (!state.closed) {
    await deps.slots.untilFree();
    // Places that come free together are filled together.
    await nextTurn();
    await fetchOne(deps, worker, state).catch(async (error: unknown) => {
      deps.log.debug({ err: error, queue: deps.queue }, "a bundle could not be fetched; tried again");
      await sleep(PAUSE_MS);
    });
  }
}

async function fetchOne(deps: BundlesDeps, worker: Worker<Fetched>, state: Fetching): Promise<void> {
  state.fetched += 1;
  const token = `${worker.id}:${state.fetched}`;
  const job: Job<Fetched> | undefined = state.closed ? undefined : await worker.getNextJob(token);
  if (!job) return;
  const places = deps.slots.take(job.data.entries?.length ?? 0);
  const done = takeBundle(deps, job, token, places).catch((error: unknown) => {
    deps.log.debug({ err: error, queue: deps.queue }, "a bundle could not be put away; it comes again");
  });
  state.taking.add(done);
  void done.finally(() => state.taking.delete(done));
}

function openWorker({ queue, blockingRedis, log }: BundlesDeps): Worker<Fetched> {
  const worker = new Worker<Fetched>(queue, null, {
    connection: blockingRedis,
    prefix: QUEUE_PREFIX,
    lockDuration: LOCK_MS,
    stalledInterval: STALLED_CHECK_MS,
    maxStalledCount: NEVER_TOO_OFTEN,
    drainDelay: LOOK_SECONDS,
    // Also what has lost its own wish to be removed.
    removeOnComplete: { count: 0 },
  });
  worker.on("error", (error) => {
    log.debug({ err: error, queue }, "a queue's connection has an error");
  });
  return worker;
}

async function takeBundle(deps: BundlesDeps, job: Job<Fetched>, token: string, places: number): Promise<void> {
  const { queue, wake } = deps;
  const { entries = [] } = job.data;
  const [mine, rest] = [entries.slice(0, places), entries.slice(places)];
  const putBack = rest.length > 0 ? putAtHead(deps, job, token, rest) : undefined;
  // It may fail while the claim is under way and nobody waits for it yet; that must not end the process.
  putBack?.catch(() => undefined);
  const { early, delayMs } = mine.length > 0 ? await deps.take(mine) : { early: [], delayMs: 0 };
  await putBack;
  if (mine.length === 0 && job.priority > 0) return; // Back in its own place.
  await wake.forget(queue, job.id ?? "", mine);
  if (early.length > 0) await wake.again(queue, early, { delayMs, priority: job.priority });
  // Only now: until here a death of this process brings all of it back.
  await job.moveToCompleted(null, token, false);
}

/** What has a priority is alone in its bundle, and must not overtake its like. */
async function putAtHead(deps: BundlesDeps, job: Job<Fetched>, token: string, rest: readonly string[]): Promise<void> {
  if (job.priority > 0) await job.moveToWait(token);
  else await deps.wake.again(deps.queue, rest, "head");
}
