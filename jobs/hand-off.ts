import { setTimeout as sleep } from "node:timers/promises";
import type { Pool } from "pg";
import { run } from "./database.ts";
import type { NewJob, WakeUp } from "./job.ts";
import type { Logger } from "./log.ts";
import type { RelayCounts } from "./relay.ts";
import type { Wake } from "./wake.ts";

/** Wake-ups in one call to Redis, and rows in one deletion. */
const BATCH = 1000;
/** Wake-ups that may wait here; what is beyond has its row, which the relay finds. */
const MAX_WAITING = 10_000;

/** Rows are deleted together that came within so many milliseconds: nobody waits for it, and each statement costs. */
const GATHER_MS = 50;

/** A row that comes back after a crash of the database is moved twice, so nobody has to wait for the disk. */
const REMOVE = {
  name: "outbox-remove",
  text: `DELETE FROM outbox USING (SELECT set_config('synchronous_commit', 'off', true) OFFSET 0) AS at_ease
         WHERE id = ANY($1::bigint[])`,
};

/**
 * The short way to a worker: wake-ups of jobs that this process has just committed go to Redis without being read back, and their rows
 * in the outbox, which bear the numbers of the jobs, are deleted afterwards. Whatever does not get through leaves its row to the relay.
 */
export interface HandOff {
  /** Returns at once. */
  add(jobs: readonly NewJob[]): void;
  /** Ends when what waits has gone its way, or could not. */
  close(): Promise<void>;
}

export interface HandOffDeps {
  readonly pool: Pool;
  readonly wake: Wake;
  readonly log: Logger;
  /** Counts what goes this way too. */
  readonly counts: RelayCounts;
}

export function createHandOff({ pool, wake, log, counts }: HandOffDeps): HandOff {
  const removing = createLane<string>(
    async (ids) => {
      await run(pool, REMOVE, [ids]);
    },
    failed,
    GATHER_MS,
  );
  const adding = createLane<WakeUp>(async (wakeUps) => {
    await wake.add(wakeUps);
    counts.moved += wakeUps.length;
    removing.push(wakeUps.map(({ jobId }) => jobId));
  }, failed);
  function failed(error: unknown): void {
    counts.failures += 1;
    log.debug({ err: error }, "wake-ups were not handed to Redis; the relay does it");
  }
  return {
    add: (jobs) => {
      adding.push(jobs.map(toWakeUp));
    },
    close: async () => {
      await adding.close();
      await removing.close();
    },
  };
}

function toWakeUp({ id, queue, priority = 0, delayMs = 0 }: NewJob): WakeUp {
  return { jobId: id, attempt: 0, queue, priority, delayMs };
}

interface Lane<Item> {
  push(items: readonly Item[]): void;
  close(): Promise<void>;
}

/**
 * One call at a time; what comes meanwhile goes into the next. A call that fails takes all that waits with it.
 *
 * @param gatherMs how long each call waits for more
 */
function createLane<Item>(
  work: (items: readonly Item[]) => Promise<void>,
  onFailed: (error: unknown) => void,
  gatherMs = 0,
): Lane<Item> {
  let waiting: Item[] = [];
  let running: Promise<void> | undefined;
  async function drain(): Promise<void> {
    try {
      while (waiting.length > 0) {
        if (gatherMs > 0) await sleep(gatherMs);
        await work(waiting.splice(0, BATCH));
      }
    } catch (error) {
      waiting = [];
      onFailed(error);
    }
    running = undefined;
  }
  return {
    push: (items) => {
      // With nothing to do drain() would end before its promise is noted here, and the lane would seem to run for ever.
      if (items.length === 0 || waiting.length + items.length > MAX_WAITING) return;
      waiting.push(...items);
      running ??= drain();
    },
    close: async () => {
      while (running) await running;
    },
  };
}
