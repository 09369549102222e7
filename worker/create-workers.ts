import { DelayedError, WaitingError, Worker, type Job } from "bullmq";
import type { Redis } from "ioredis";
import type { Pool } from "pg";
import { setTimeout as sleep } from "node:timers/promises";
import { claimJob, type Claim, type ClaimOutcome } from "../jobs/attempts.ts";
import { startMaintenance, type Maintenance } from "../jobs/maintenance.ts";
import { QUEUE_PREFIX, type Wake, type WakePayload } from "../jobs/wake.ts";
import { handBackStrays, leaveWorker, registerWorker } from "../jobs/worker-lease.ts";
import { LeaseLost, runAttempt, WorkerStops, type AttemptDeps } from "./run-attempt.ts";
import { createSlots, type Slots } from "./slots.ts";

/** Pause before a wake-up is tried again that met a database without answer, in milliseconds. */
const DATABASE_AWAY_PAUSE_MS = 1000;

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
  /** Takes nothing new, finishes or hands back what runs, and gives up the lease. */
  close(): Promise<void>;
}

/**
 * Starts taking jobs of some queues.
 *
 * BullMQ brings the wake-up: a job's id. Whether there is anything to do is decided by the claim in Postgres, so a wake-up too many does
 * nothing, and one that is lost comes again from the reconciler.
 */
export async function createWorkers(deps: WorkersDeps): Promise<Workers> {
  const state = new State(await registerWorker(deps.pool, deps.name, deps.queues));
  const slots = createSlots(deps.concurrency);
  const maintenance = startMaintenance({
    ...deps,
    worker: {
      id: () => state.workerId,
      onLeaseLost: async () => {
        deps.log.error({ jobs: state.running.size }, "the lease of this worker is lost; its jobs are dropped");
        state.abortAll(new LeaseLost("another worker was given this job"));
        state.workerId = await registerWorker(deps.pool, deps.name, deps.queues);
      },
      onHeld: (held) => healStrays(deps, state, held),
    },
  });
  const process = (job: Job<WakePayload>, token?: string) => handle(deps, state, slots, maintenance, job, token);
  const workers = deps.queues.map((queue) => startQueue(deps, queue, process));
  return { close: () => close(deps, state, slots, maintenance, workers) };
}

/** What one worker process holds. */
class State {
  workerId: string;
  readonly running = new Map<string, AbortController>();
  #heldTooMany = 0;

  constructor(workerId: string) {
    this.workerId = workerId;
  }

  abortAll(reason: Error): void {
    for (const controller of this.running.values()) controller.abort(reason);
  }

  /** True when the database showed more jobs of ours than run here, twice on end. */
  hasStrays(held: number): boolean {
    this.#heldTooMany = held > this.running.size ? this.#heldTooMany + 1 : 0;
    return this.#heldTooMany >= 2;
  }
}

/** A claim whose answer got lost leaves a job that is ours and that nobody runs. */
async function healStrays(deps: WorkersDeps, state: State, held: number): Promise<void> {
  if (!state.hasStrays(held)) return;
  const count = await handBackStrays(deps.pool, state.workerId, [...state.running.keys()]);
  if (count > 0) deps.log.warn({ count }, "jobs that were claimed but not running were queued again");
}

function startQueue(
  deps: WorkersDeps,
  queue: string,
  process: (job: Job<WakePayload>, token?: string) => Promise<void>,
): Worker<WakePayload> {
  const worker = new Worker<WakePayload>(queue, process, {
    connection: deps.blockingRedis,
    prefix: QUEUE_PREFIX,
    concurrency: deps.concurrency,
    removeOnComplete: { count: 0 },
    removeOnFail: { count: 0 },
  });
  worker.on("error", (error) => {
    deps.log.debug({ err: error, queue }, "a queue's connection has an error");
  });
  return worker;
}

async function handle(
  deps: WorkersDeps,
  state: State,
  slots: Slots,
  maintenance: Maintenance,
  job: Job<WakePayload>,
  token: string | undefined,
): Promise<void> {
  const free = await slots.take();
  if (!free) {
    await job.moveToWait(token);
    throw new WaitingError();
  }
  try {
    const outcome = await claim(deps, state, job.data.jobId);
    switch (outcome.outcome) {
      case "gone":
        return;
      case "early":
        await job.moveToDelayed(Date.now() + outcome.delayMs, token);
        throw new DelayedError();
      case "claimed":
        await runClaimed(deps, state, outcome.claim);
        maintenance.kick();
        return;
    }
  } finally {
    free();
  }
}

/** Without a database nothing can be claimed: the wake-up is kept for later, at a pace that hurts nobody. */
async function claim(deps: WorkersDeps, state: State, jobId: string): Promise<ClaimOutcome> {
  try {
    return await claimJob(deps.pool, jobId, state.workerId);
  } catch (error) {
    deps.log.warn({ err: error, jobId }, "a job could not be claimed; tried again");
    await sleep(DATABASE_AWAY_PAUSE_MS);
    return { outcome: "early", delayMs: DATABASE_AWAY_PAUSE_MS };
  }
}

async function runClaimed(deps: WorkersDeps, state: State, job: Claim): Promise<void> {
  const controller = new AbortController();
  state.running.set(job.jobId, controller);
  try {
    await runAttempt(deps, job, controller.signal);
  } catch (error) {
    deps.log.error({ err: error, jobId: job.jobId }, "an attempt's end could not be committed; it is queued again");
  } finally {
    if (state.running.get(job.jobId) === controller) state.running.delete(job.jobId);
  }
}

async function close(
  deps: WorkersDeps,
  state: State,
  slots: Slots,
  maintenance: Maintenance,
  workers: readonly Worker<WakePayload>[],
): Promise<void> {
  slots.close();
  const timer = setTimeout(() => {
    state.abortAll(new WorkerStops("the worker stops"));
  }, deps.finishWithinMs);
  await Promise.all(workers.map((worker) => worker.close()));
  clearTimeout(timer);
  maintenance.kick();
  await maintenance.close();
  await leaveWorker(deps.pool, state.workerId);
}
