import type { Redis } from "ioredis";
import type { Pool } from "pg";
import { setTimeout as sleep } from "node:timers/promises";
import { claimJobs, endAttempts, type Claim, type ClaimOutcome } from "../jobs/attempts.ts";
import { createCoalescer, type Coalescer } from "../jobs/coalesce.ts";
import { startMaintenance, type Maintenance } from "../jobs/maintenance.ts";
import { untilItWorks } from "../jobs/patience.ts";
import type { RelayCounts } from "../jobs/relay.ts";
import { jobIdOf, type Wake } from "../jobs/wake.ts";
import {
  abandonJobs,
  handBackStrays,
  leaveWorker,
  registerWorker,
  type ProgressNote,
  type Pulse,
} from "../jobs/worker-lease.ts";
import { startBundles, type Bundles } from "./bundles.ts";
import {
  Cancelled,
  LeaseLost,
  runAttempt,
  WorkerStops,
  type AttemptDeps,
  type Ends,
  type Running,
} from "./run-attempt.ts";
import { createSlots, type Slots } from "./slots.ts";
import { startStalledCheck } from "./stalled.ts";

/** Pause before wake-ups are tried again that met a database without answer, in milliseconds. */
const DATABASE_AWAY_PAUSE_MS = 1000;

/** Claims, and ends, in one statement. */
const STATEMENT_SIZE = 250;

/** Ends that may wait for their commit before their jobs keep their places meanwhile. */
const UNCOMMITTED = 500;

export interface WorkersDeps extends AttemptDeps {
  readonly pool: Pool;
  /** A connection that fails rather than waits. */
  readonly redis: Redis;
  /** A connection that waits; BullMQ makes its own from it. */
  readonly blockingRedis: Redis;
  readonly wake: Wake;
  /** Shown in the list of workers. */
  readonly name: string;
  readonly queues: readonly string[];
  /** Jobs at once, over all queues, 1 or more. */
  readonly concurrency: number;
  /** How long running jobs may go on after `close`, in milliseconds; then they are handed back. */
  readonly finishWithinMs: number;
}

export interface Workers {
  /** Something was written to the outbox. */
  kick(): void;
  /** What its relay did so far. */
  relayed(): RelayCounts;
  /** Takes nothing new until `resume`; what runs goes on. */
  pause(): void;
  resume(): void;
  /** Takes nothing new, finishes or hands back what runs, and gives up the lease. The runner is not closed. */
  close(): Promise<void>;
}

/** The parts of one worker. */
interface Parts {
  readonly deps: WorkersDeps;
  readonly state: State;
  readonly slots: Slots;
  readonly maintenance: Maintenance;
  readonly claims: Coalescer<string, ClaimOutcome>;
  readonly ends: Ends;
}

/**
 * Starts taking jobs of some queues.
 *
 * BullMQ brings the wake-ups: ids of jobs. Whether there is anything to do is decided by the claim in Postgres, so a wake-up too many does
 * nothing, and one that is lost comes again from the reconciler.
 */
export async function createWorkers(deps: WorkersDeps): Promise<Workers> {
  const { pool } = deps;
  // A database that goes away in the middle of a start is no reason to end it.
  const register = () => registerWorker(pool, deps.name, deps.queues);
  const state = new State(await untilItWorks(register, { what: "registration of this worker", log: deps.log }));
  const slots = createSlots(deps.concurrency);
  const maintenance = startMaintenance({ ...deps, worker: heartbeatOf(deps, state) });
  const parts = { deps, state, slots, maintenance, ...createStatements(pool, state, maintenance) };
  const take = (entries: readonly string[]) => takeEntries(parts, entries);
  const sources = deps.queues.map((queue) => startBundles({ ...deps, queue, slots, take }));
  const stalled = startStalledCheck({ ...deps, putBack: () => putBackStalled(sources) });
  return {
    kick: () => {
      maintenance.kick();
    },
    pause: () => {
      slots.pause();
    },
    resume: () => {
      slots.resume();
    },
    relayed: () => maintenance.relayed(),
    close: async () => {
      await stalled.close();
      await close(parts, sources);
    },
  };
}

/** Jobs that start or end together share a statement. */
function createStatements(pool: Pool, state: State, maintenance: Maintenance): Pick<Parts, "claims" | "ends"> {
  return {
    claims: createCoalescer({
      what: "claiming jobs",
      work: (ids) => claimJobs(pool, ids, state.workerId),
      maxItems: STATEMENT_SIZE,
      inFlight: 2,
    }),
    ends: createCoalescer({
      what: "ending attempts",
      work: async (list) => {
        const { committed, woke } = await endAttempts(pool, list);
        if (woke) maintenance.kick();
        return committed;
      },
      maxItems: STATEMENT_SIZE,
      inFlight: 2,
    }),
  };
}

async function putBackStalled(sources: readonly Bundles[]): Promise<void> {
  await Promise.all(sources.map((source) => source.putBackStalled()));
}

/** What one worker process holds. */
class State {
  workerId: string;
  readonly running = new Map<string, Running>();
  readonly #attempts = new Set<Promise<void>>();
  #heldTooMany = 0;

  constructor(workerId: string) {
    this.workerId = workerId;
  }

  abortAll(reason: Error): void {
    for (const { controller } of this.running.values()) controller.abort(reason);
  }

  /** Keeps an attempt in view until its end is committed. */
  follow(attempt: Promise<void>): void {
    this.#attempts.add(attempt);
    void attempt.finally(() => this.#attempts.delete(attempt));
  }

  async untilAllEnded(): Promise<void> {
    while (this.#attempts.size > 0) await Promise.all(this.#attempts);
  }

  /** True when the database showed more jobs of ours than run here, twice on end. */
  hasStrays(held: number): boolean {
    this.#heldTooMany = held > this.running.size ? this.#heldTooMany + 1 : 0;
    return this.#heldTooMany >= 2;
  }

  /** What the handlers told since the last time. */
  takeProgress(): ProgressNote[] {
    const notes: ProgressNote[] = [];
    for (const running of this.running.values()) {
      const { claim, progress } = running;
      if (progress) notes.push({ jobId: claim.jobId, attempt: claim.attempt, progress });
      running.progress = undefined;
    }
    return notes;
  }
}

function heartbeatOf(deps: WorkersDeps, state: State) {
  return {
    id: () => state.workerId,
    progress: () => state.takeProgress(),
    onLeaseLost: async () => {
      deps.log.error({ jobs: state.running.size }, "the lease of this worker is lost; its jobs are dropped");
      state.abortAll(new LeaseLost("another worker was given this job"));
      const lost = state.workerId;
      state.workerId = await registerWorker(deps.pool, deps.name, deps.queues);
      await abandonJobs(deps.pool, lost);
    },
    onHeld: async ({ held, cancelled }: Pick<Pulse, "held" | "cancelled">) => {
      for (const id of cancelled) state.running.get(id)?.controller.abort(new Cancelled("the job was cancelled"));
      await healStrays(deps, state, held);
    },
  };
}

/** A claim whose answer got lost leaves a job that is ours and that nobody runs. */
async function healStrays(deps: WorkersDeps, state: State, held: number): Promise<void> {
  if (!state.hasStrays(held)) return;
  const count = await handBackStrays(deps.pool, state.workerId, [...state.running.keys()]);
  if (count > 0) deps.log.warn({ count }, "jobs that were claimed but not running were queued again");
}

/** Claims the jobs of a bundle and starts them; each holds a place already, and gives it back at its end. */
async function takeEntries(parts: Parts, entries: readonly string[]) {
  const { state, slots } = parts;
  const outcomes = await claimAll(parts, entries);
  const early: string[] = [];
  let delayMs = Infinity;
  entries.forEach((entry, index) => {
    const outcome = outcomes[index] ?? { outcome: "gone" };
    if (outcome.outcome === "claimed") {
      state.follow(runClaimed(parts, outcome.claim));
      return;
    }
    slots.give(1);
    if (outcome.outcome === "gone") return;
    early.push(entry);
    delayMs = Math.min(delayMs, outcome.delayMs);
  });
  return { early, delayMs };
}

/** Without a database nothing can be claimed: the wake-ups are kept for later, at a pace that hurts nobody. */
async function claimAll({ deps, claims }: Parts, entries: readonly string[]): Promise<ClaimOutcome[]> {
  const settled = await Promise.allSettled(entries.map((entry) => claims.add(jobIdOf(entry))));
  const failed = settled.find((one) => one.status === "rejected");
  if (failed) {
    deps.log.warn({ err: failed.reason as unknown, jobs: entries.length }, "jobs could not be claimed; tried again");
    await sleep(DATABASE_AWAY_PAUSE_MS);
  }
  const later: ClaimOutcome = { outcome: "early", delayMs: DATABASE_AWAY_PAUSE_MS };
  return settled.map((one) => (one.status === "fulfilled" ? one.value : later));
}

async function runClaimed({ deps, state, slots, ends }: Parts, claim: Claim): Promise<void> {
  const running: Running = { claim, controller: new AbortController(), progress: undefined };
  state.running.set(claim.jobId, running);
  let places = 1;
  const free = () => {
    slots.give(places);
    places = 0;
  };
  try {
    // The next handler may start while the end of this one is committed.
    await runAttempt(deps, ends, running, () => {
      if (ends.waiting() < UNCOMMITTED) free();
    });
  } catch (error) {
    deps.log.error({ err: error, jobId: claim.jobId }, "an attempt's end could not be committed; it is queued again");
  } finally {
    if (state.running.get(claim.jobId) === running) state.running.delete(claim.jobId);
    free();
  }
}

async function close(parts: Parts, sources: readonly Bundles[]): Promise<void> {
  const { deps, state, slots, maintenance, claims, ends } = parts;
  slots.close();
  const timer = setTimeout(() => {
    state.abortAll(new WorkerStops("the worker stops"));
  }, deps.finishWithinMs);
  await Promise.all(sources.map((source) => source.close()));
  await state.untilAllEnded();
  clearTimeout(timer);
  await Promise.all([claims.close(), ends.close()]);
  maintenance.kick();
  await maintenance.close();
  await leaveWorker(deps.pool, state.workerId);
}
