import { Queue } from "bullmq";
import type { Redis } from "ioredis";
import type { WakeUp } from "./job.ts";
import type { Logger } from "./log.ts";

/** Prefix of every key that BullMQ writes for us. */
export const QUEUE_PREFIX = "slipway";

/** What a wake-up holds in Redis: nothing but the job's id. */
export interface WakePayload {
  readonly jobId: string;
}

/** The way of wake-ups into Redis. */
export interface Wake {
  /** Adds wake-ups. One that is there already is left as it is. Rejects when Redis does not take them. */
  add(wakeUps: readonly WakeUp[]): Promise<void>;
  /** Those of a list that Redis does not hold. */
  missing(wakeUps: readonly WakeUp[]): Promise<WakeUp[]>;
  close(): Promise<void>;
}

/** BullMQ takes a second add of the same id as none, so adding twice is harmless and a retry has an id of its own. */
export function wakeId(wakeUp: Pick<WakeUp, "jobId" | "attempt">): string {
  return `${wakeUp.jobId}-${wakeUp.attempt}`;
}

/** @param redis a connection that fails rather than waits; it is not closed here */
export function createWake(redis: Redis, log: Logger): Wake {
  const queues = new Map<string, Queue<WakePayload>>();
  function queue(name: string): Queue<WakePayload> {
    const known = queues.get(name);
    if (known) return known;
    const made = new Queue<WakePayload>(name, { connection: redis, prefix: QUEUE_PREFIX });
    made.on("error", (error) => {
      log.debug({ err: error, queue: name }, "a queue's connection has an error");
    });
    queues.set(name, made);
    return made;
  }
  return {
    add: async (wakeUps) => {
      assertReady(redis);
      for (const [name, list] of Map.groupBy(wakeUps, (w) => w.queue)) await queue(name).addBulk(list.map(toBulk));
    },
    missing: async (wakeUps) => {
      assertReady(redis);
      const pipeline = redis.pipeline();
      for (const wakeUp of wakeUps) pipeline.exists(queue(wakeUp.queue).toKey(wakeId(wakeUp)));
      const answers = (await pipeline.exec()) ?? [];
      return wakeUps.filter((_, index) => answers[index]?.[1] === 0);
    },
    close: async () => {
      await Promise.all([...queues.values()].map((q) => q.close()));
    },
  };
}

/** BullMQ waits for a connection without end; our callers hold database rows meanwhile. */
function assertReady(redis: Redis): void {
  if (redis.status !== "ready") throw new Error(`Redis is not reachable (connection is ${redis.status})`);
}

function toBulk(wakeUp: WakeUp) {
  return {
    name: "wake",
    data: { jobId: wakeUp.jobId },
    opts: {
      jobId: wakeId(wakeUp),
      // A wake-up that has done its work must not stand in the way of one with the same id.
      removeOnComplete: true,
      removeOnFail: true,
      ...(wakeUp.priority > 0 ? { priority: wakeUp.priority } : {}),
      ...(wakeUp.delayMs > 0 ? { delay: wakeUp.delayMs } : {}),
    },
  };
}
