import type { Check } from "../jobs/health.ts";
import type { Logger } from "../jobs/log.ts";
import { reasonOf } from "../jobs/patience.ts";
import type { Workers } from "./create-workers.ts";

/** Pause between two looks, in milliseconds: they ask this process alone. */
const LOOK_MS = 250;

export interface FitnessDeps {
  /** Checks that answer at once: they run four times a second. What asks somebody outside of this process goes into {@link seldom}. */
  readonly checks: readonly Check[];
  readonly workers: Pick<Workers, "pause" | "resume">;
  readonly log: Logger;
}

/**
 * Has a worker take nothing new while what its jobs need is not fine, such as a GPU that is lost or an object store that takes nothing: it
 * would only make them fail that another worker, or this one later, can do. What runs already goes on.
 */
export function pauseWhileUnfit({ checks, workers, log }: FitnessDeps): { close(): Promise<void> } {
  let known: string | undefined;
  async function look(): Promise<void> {
    const fault = await firstFault(checks);
    if (fault !== undefined && known === undefined) {
      workers.pause();
      log.warn({ reason: fault }, "the worker takes nothing new");
    } else if (fault === undefined && known !== undefined) {
      workers.resume();
      log.info("the worker takes jobs again");
    }
    known = fault;
  }
  let looking = Promise.resolve();
  const timer = setInterval(() => {
    looking = looking.then(look);
  }, LOOK_MS);
  return {
    close: async () => {
      clearInterval(timer);
      await looking;
    },
  };
}

/**
 * A check that asks somebody outside: its answer stands for a while, and nobody waits for the next one.
 *
 * @param everyMs how long an answer stands @default 2000
 */
export function seldom(check: Check, everyMs = 2000): Check {
  let fault: Error | undefined;
  let next = 0;
  async function ask(): Promise<void> {
    next = Infinity;
    try {
      await check.run();
      fault = undefined;
    } catch (error) {
      fault = new Error(`${check.name}: ${reasonOf(error)}`, { cause: error });
    }
    next = performance.now() + everyMs;
  }
  return {
    name: check.name,
    run: async () => {
      if (performance.now() >= next) void ask();
      if (fault) throw fault;
    },
  };
}

async function firstFault(checks: readonly Check[]): Promise<string | undefined> {
  try {
    for (const check of checks) await check.run();
    return undefined;
  } catch (error) {
    return reasonOf(error);
  }
}
