import { setTimeout as sleep } from "node:timers/promises";
import type { Logger } from "./log.ts";

/** How long a start waits for what it needs, in milliseconds. */
export const PATIENCE_MS = 60_000;

const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 2000;

/** What was waited for did not come. */
export class OutOfPatience extends Error {
  override readonly name = "OutOfPatience";
}

export interface PatienceOptions {
  /** What is waited for, as it stands in messages. */
  readonly what: string;
  readonly log: Logger;
  /** In milliseconds. @default 60,000 */
  readonly forMs?: number;
  /** Ends the wait early. */
  readonly signal?: AbortSignal;
}

/**
 * Tries until it works, with growing pauses of 50 ms to 2 s: a database that restarts is no reason to crash.
 *
 * @throws OutOfPatience with the last reason when the time is over
 */
export async function untilItWorks<T>(attempt: () => Promise<T>, options: PatienceOptions): Promise<T> {
  const { what, log, forMs = PATIENCE_MS, signal } = options;
  const deadline = performance.now() + forMs;
  for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(pause * 2, LONGEST_PAUSE_MS)) {
    try {
      return await attempt();
    } catch (error) {
      signal?.throwIfAborted();
      const reason = error instanceof Error ? reasonOf(error) : String(error);
      if (performance.now() + pause > deadline) {
        throw new OutOfPatience(`${what}: not reached within ${Math.round(forMs / 1000)} s; last: ${reason}`, {
          cause: error,
        });
      }
      log.info({ what, reason, pauseMilliseconds: pause }, "not reachable yet; trying again");
    }
    await sleep(pause, undefined, signal ? { signal } : {});
  }
}

/** Node reports a host with several addresses as an empty message over the real reasons. */
export function reasonOf(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(reasonOf).join("; ");
  if (!(error instanceof Error)) return String(error);
  return error.message === "" ? error.name : error.message;
}
