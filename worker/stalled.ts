import type { Redis } from "ioredis";
import type { Logger } from "../jobs/log.ts";
import { QUEUE_PREFIX } from "../jobs/wake.ts";

/** How often it is looked for bundles whose worker died before it had claimed anything, in milliseconds. */
export const STALLED_CHECK_MS = 2500;

/**
 * Has BullMQ look for stalled bundles, while any bundle is active at all: a queue that rests costs one command for all of them.
 * BullMQ's own timer costs ten a queue.
 */
export function startStalledCheck(deps: {
  readonly redis: Redis;
  readonly log: Logger;
  readonly queues: readonly string[];
  /** Puts bundles without a worker back; two looks on end are needed to find one. */
  readonly putBack: () => Promise<void>;
}): { close(): Promise<void> } {
  const lists = deps.queues.map((queue) => `${QUEUE_PREFIX}:${queue}:active`);
  let looking: Promise<void> = Promise.resolve();
  async function look(): Promise<void> {
    try {
      if (deps.redis.status === "ready" && (await deps.redis.exists(...lists)) > 0) await deps.putBack();
    } catch (error) {
      deps.log.debug({ err: error }, "it could not be looked for stalled bundles; tried again");
    }
  }
  const timer = setInterval(() => {
    looking = looking.then(look);
  }, STALLED_CHECK_MS);
  return {
    close: async () => {
      clearInterval(timer);
      await looking;
    },
  };
}
