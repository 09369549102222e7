import type { Pool } from "pg";
import { leaseIds, type IdLease } from "./id-lease.ts";
import { createLease, type Lease } from "./leases.ts";
import type { Logger } from "./log.ts";
import type { Kinds } from "./registry.ts";
import { fireSchedules, setIntervalsRight } from "./schedule-fire.ts";
import { syncSchedules } from "./schedules.ts";

/** Pause between two looks of the leader, in milliseconds; shorter when something is due before. */
const LOOK_MS = 2000;
/** Pause of those that do not lead, in milliseconds. */
const FOLLOW_MS = 5000;
/** Pause between two looks for clocks that stepped back, in milliseconds. */
const SET_RIGHT_MS = 60_000;

export interface SchedulerDeps {
  readonly pool: Pool;
  readonly kinds: Kinds;
  readonly log: Logger;
  /** Jobs were made: their wake-ups can be relayed now. */
  readonly onFired?: () => void;
  /** Who fires. @default the lease `scheduler` */
  readonly lease?: Lease;
}

export interface Scheduler {
  /** Ends after the look that is under way, and lets another process lead. */
  close(): Promise<void>;
}

/**
 * Fires schedules. It runs in every worker process, whatever queues that serves: schedules of tenants must come also where no
 * worker does maintenance, and a process that does not lead asks for the lease every five seconds and does nothing else.
 */
export function startScheduler(deps: SchedulerDeps): Scheduler {
  const loop = new SchedulerLoop(deps);
  return { close: () => loop.close() };
}

class SchedulerLoop {
  readonly #deps: SchedulerDeps;
  readonly #lease: Lease;
  #ids: IdLease | undefined;
  #leads = false;
  #rightAt = -Infinity;
  #closed = false;
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void>;

  constructor(deps: SchedulerDeps) {
    this.#deps = deps;
    this.#lease = deps.lease ?? createLease(deps.pool, "scheduler");
    this.#running = this.#turn();
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await this.#running;
    await this.#ids?.close();
    if (this.#leads) await this.#lease.release();
  }

  async #turn(): Promise<void> {
    const pauseMs = await this.#look().catch((error: unknown) => {
      this.#deps.log.warn({ err: error }, "schedules could not be looked at; tried again soon");
      return LOOK_MS;
    });
    if (this.#closed) return;
    this.#timer = setTimeout(() => {
      this.#running = this.#turn();
    }, pauseMs);
  }

  /** Gives the pause until the next look. */
  async #look(): Promise<number> {
    const { pool, log, onFired } = this.#deps;
    if (!(await this.#lease.hold())) {
      this.#leads = false;
      return FOLLOW_MS;
    }
    if (!this.#leads) await this.#beginToLead();
    if (performance.now() - this.#rightAt > SET_RIGHT_MS) {
      const count = await setIntervalsRight(pool);
      if (count > 0) log.warn({ count }, "the database's clock stepped back; intervals begin anew");
      this.#rightAt = performance.now();
    }
    this.#ids ??= await leaseIds(pool, log);
    const ids = this.#ids;
    const { jobs, nextInMs } = await fireSchedules(pool, () => ids.next(), LOOK_MS, log);
    if (jobs.length > 0) {
      log.info({ count: jobs.length }, "schedules made jobs");
      onFired?.();
    }
    return Math.ceil(Math.min(nextInMs ?? LOOK_MS, LOOK_MS));
  }

  async #beginToLead(): Promise<void> {
    const { pool, kinds, log } = this.#deps;
    const taken = await syncSchedules(pool, kinds);
    if (taken.length > 0) {
      log.error(
        { schedules: taken },
        "schedules of kinds were not put, as the tenant `system` has others of that name",
      );
    }
    this.#leads = true;
    log.info("this process fires the schedules");
  }
}
