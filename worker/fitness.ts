import type { Check } from "../jobs/health.ts";
import type { Logger } from "../jobs/log.ts";
import { reasonOf } from "../jobs/patience.ts";
import type { Workers } from "./create-workers.ts";

/** Pause between two looks, in milliseconds: they ask this process alone. */
const LOOK_MS = 250;

export interface FitnessDeps {
  /** Checks that ask nobody outside of this process: they run four times a second. */
  readonly checks: readonly Check[];
  readonly workers: Pick<Workers, "pause" | "resume">;
  readonly log: Logger;
}

/**
 * Has a worker take nothing new while what runs its jobs is not fine, such as a GPU that is lost: it would only make them fail that another
 * worker can do. What runs already goes on.
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

async function firstFault(checks: readonly Check[]): Promise<string | undefined> {
  try {
    for (const check of checks) await check.run();
    return undefined;
  } catch (error) {
    return reasonOf(error);
  }
}
