import type { Redis } from "ioredis";
import type { Pool } from "pg";
import { createHandOff } from "./hand-off.ts";
import type { NewJob } from "./job.ts";
import type { Logger } from "./log.ts";
import { createReconciler } from "./reconciler.ts";
import { relayOutbox, type RelayCounts } from "./relay.ts";
import type { Wake } from "./wake.ts";
import { pulse, takeOver, takeOverUnknown, type ProgressNote, type Pulse } from "./worker-lease.ts";

/** How often an idle process looks at the database, in milliseconds. */
const TICK_MS = 1000;
/** Every so many ticks, overdue jobs are compared with Redis. */
const CHECK_EVERY_TICKS = 5;
/** Every so many ticks, jobs are looked for whose worker has no row. */
const UNKNOWN_EVERY_TICKS = 30;

/** What keeps jobs moving, in every API and worker process. */
export interface Maintenance {
  /** Something was written to the outbox: relay it now. Calls during a pass make one more pass. */
  kick(): void;
  /** Jobs were just made by statements of store.ts: their wake-ups go to Redis now. */
  handOff(jobs: readonly NewJob[]): void;
  /** What its relay did so far. */
  relayed(): RelayCounts;
  /** Ends after the pass that runs. */
  close(): Promise<void>;
}

export interface MaintenanceDeps {
  readonly pool: Pool;
  readonly redis: Redis;
  readonly wake: Wake;
  readonly log: Logger;
  /** The worker whose heartbeat this is, if it is one. */
  readonly worker?: {
    readonly id: () => string;
    /** What its jobs told of their progress since the last heartbeat. */
    readonly progress: () => readonly ProgressNote[];
    /** Its lease is gone: its jobs belong to others. */
    readonly onLeaseLost: () => Promise<void>;
    /** Told each second what the database says of the jobs it holds. */
    readonly onHeld: (seen: Pick<Pulse, "held" | "cancelled">) => Promise<void>;
  };
}

/**
 * Runs heartbeat, relay, take-over and reconciler. They are in every process, not in one of their own: the process that wrote an
 * outbox row brings it to Redis at once (the shortest way to a worker), and whatever it leaves behind when it dies the others find
 * within two seconds. LISTEN/NOTIFY is not used: NOTIFY holds a lock of the whole cluster over each commit.
 */
export function startMaintenance(deps: MaintenanceDeps): Maintenance {
  const { log, pool, worker } = deps;
  const counts = { moved: 0, failures: 0 };
  const handOff = createHandOff({ ...deps, counts });
  const seen: Seen = { orphans: false, oldest: null, left: false };
  const relay = createRelay(deps, seen, counts);
  const chores = createSingleFlight(
    createChores(deps, seen, relay),
    log,
    "a look after jobs failed; tried again in a second",
  );
  async function beat(): Promise<void> {
    const now = await pulse(pool, worker?.id(), worker?.progress());
    if (!now.alive) await worker?.onLeaseLost();
    await worker?.onHeld(now);
    // What is on its way is gone by the next look. What is still there was left behind, and much with it perhaps.
    seen.left ||= now.oldest !== null && now.oldest === seen.oldest;
    seen.oldest = now.oldest;
    relay.kickIf(seen.left);
    seen.orphans = now.orphans;
    // Not waited for: filling Redis may take longer than a lease stands without a heartbeat.
    chores.kick();
  }
  const ticker = startTicker(beat, log);
  return {
    kick: () => {
      relay.kick();
    },
    handOff: (jobs) => {
      handOff.add(jobs);
    },
    relayed: () => counts,
    close: async () => {
      await handOff.close();
      await ticker.close();
      await chores.close();
      await relay.close();
    },
  };
}

/** What the last look at the database found. */
interface Seen {
  orphans: boolean;
  /** Number of the row that was the oldest one in the outbox. */
  oldest: string | null;
  /** Rows were left behind, and no pass has begun since. */
  left: boolean;
}

function createRelay({ pool, wake, log }: MaintenanceDeps, seen: Seen, counts: RelayCounts): SingleFlight {
  async function pass(): Promise<void> {
    const rows = seen.left ? "all" : "own";
    seen.left = false;
    try {
      counts.moved += await relayOutbox(pool, wake, rows);
    } catch (error) {
      counts.failures += 1;
      throw error;
    }
  }
  return createSingleFlight(pass, log, "wake-ups wait in the outbox");
}

/** One round of what keeps jobs from being forgotten. */
function createChores(
  deps: MaintenanceDeps,
  seen: { readonly orphans: boolean },
  relay: SingleFlight,
): () => Promise<void> {
  const { pool, log } = deps;
  const reconciler = createReconciler(deps);
  let rounds = 0;
  return async () => {
    rounds += 1;
    if (seen.orphans) await announce(takeOver(pool), log, "jobs of a dead worker were queued again");
    if (rounds % UNKNOWN_EVERY_TICKS === 0) {
      await announce(takeOverUnknown(pool), log, "jobs of a worker that nobody knows were queued again");
    }
    relay.kickIf(seen.orphans);
    if (deps.redis.status !== "ready") return;
    await reconciler.fillIfLost();
    if (rounds % CHECK_EVERY_TICKS === 0) {
      await announce(reconciler.checkNext(), log, "wake-ups were missing in Redis and added");
    }
  };
}

/** Repeats a step, a pause after each; a failure is logged and the next step comes all the same. */
function startTicker(step: () => Promise<void>, log: Logger): { close(): Promise<void> } {
  let closed = false;
  let timer: NodeJS.Timeout | undefined;
  let running = loop();
  async function loop(): Promise<void> {
    await step().catch((error: unknown) => {
      log.warn({ err: error }, "maintenance failed; tried again in a second");
    });
    if (!closed) timer = setTimeout(again, TICK_MS);
  }
  function again(): void {
    running = loop();
  }
  return {
    close: async () => {
      closed = true;
      clearTimeout(timer);
      await running;
    },
  };
}

async function announce(work: Promise<number>, log: Logger, message: string): Promise<void> {
  const count = await work;
  if (count > 0) log.info({ count }, message);
}

interface SingleFlight {
  kick(): void;
  kickIf(condition: boolean): void;
  /** Ends after the pass that runs. */
  close(): Promise<void>;
}

/** One pass at a time; a kick during a pass makes one more. */
function createSingleFlight(work: () => Promise<unknown>, log: Logger, failure: string): SingleFlight {
  let running: Promise<void> | undefined;
  let kicked = false;
  function kick(): void {
    kicked = true;
    running ??= pass();
  }
  async function pass(): Promise<void> {
    kicked = false;
    try {
      await work();
    } catch (error) {
      kicked = false; // The next tick tries again, not this one: what failed may be away for long.
      log.warn({ err: error }, failure);
    }
    running = takeKick() ? pass() : undefined;
  }
  function takeKick(): boolean {
    return kicked;
  }
  return {
    kick,
    kickIf: (condition) => {
      if (condition) kick();
    },
    close: async () => {
      while (running) await running;
    },
  };
}
