import type { Redis } from "ioredis";
import type { Pool } from "pg";
import type { Logger } from "./log.ts";
import { createReconciler } from "./reconciler.ts";
import { relayOutbox } from "./relay.ts";
import type { Wake } from "./wake.ts";
import { pulse, takeOver } from "./worker-lease.ts";

/** How often an idle process looks at the database, in milliseconds. */
const TICK_MS = 1000;
/** Every so many ticks, overdue jobs are compared with Redis. */
const CHECK_EVERY_TICKS = 5;

/** What keeps jobs moving, in every API and worker process. */
export interface Maintenance {
  /** Something was written to the outbox: relay it now. Calls during a pass make one more pass. */
  kick(): void;
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
    /** Its lease is gone: its jobs belong to others. */
    readonly onLeaseLost: () => Promise<void>;
    /** Told each second how many jobs the database says it holds. */
    readonly onHeld: (held: number) => Promise<void>;
  };
}

/**
 * Runs relay, take-over and reconciler. They are in every process, not in one of their own: the process that wrote an
 * outbox row relays it at once (the shortest way to a worker), and whatever it leaves behind when it dies the others find
 * within a second. LISTEN/NOTIFY is not used: NOTIFY holds a lock of the whole cluster over each commit.
 */
export function startMaintenance(deps: MaintenanceDeps): Maintenance {
  const relay = createRelayLoop(deps);
  const reconciler = createReconciler(deps);
  const { log } = deps;
  let ticks = 0;
  async function tick(): Promise<void> {
    const seen = await pulse(deps.pool, deps.worker?.id());
    if (!seen.alive) await deps.worker?.onLeaseLost();
    await deps.worker?.onHeld(seen.held);
    if (seen.orphans) await announce(takeOver(deps.pool), log, "jobs of a dead worker were queued again");
    if (seen.outbox || seen.orphans) relay.kick();
    if (deps.redis.status !== "ready") return;
    await reconciler.fillIfLost();
    ticks += 1;
    if (ticks % CHECK_EVERY_TICKS === 0) {
      await announce(reconciler.checkNext(), log, "wake-ups were missing in Redis and added");
    }
  }
  const ticker = startTicker(tick, log);
  return {
    kick: () => {
      relay.kick();
    },
    close: async () => {
      await ticker.close();
      await relay.close();
    },
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

/** One pass at a time; a kick during a pass makes one more. */
function createRelayLoop(deps: MaintenanceDeps): { kick(): void; close(): Promise<void> } {
  let running: Promise<void> | undefined;
  let kicked = false;
  function kick(): void {
    kicked = true;
    running ??= pass();
  }
  async function pass(): Promise<void> {
    kicked = false;
    try {
      await relayOutbox(deps.pool, deps.wake);
    } catch (error) {
      kicked = false; // The next tick tries again, not this one: Redis may be away for long.
      deps.log.warn({ err: error }, "wake-ups could not be relayed; they wait in the outbox");
    }
    running = takeKick() ? pass() : undefined;
  }
  function takeKick(): boolean {
    return kicked;
  }
  return {
    kick,
    close: async () => {
      while (running) await running;
    },
  };
}
