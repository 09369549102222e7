import { randomBytes } from "node:crypto";
import { Queue } from "bullmq";
import type { Redis } from "ioredis";
import type { WakeUp } from "./job.ts";
import type { Logger } from "./log.ts";

/** Prefix of every key that BullMQ writes for us. */
export const QUEUE_PREFIX = "slipway";

/** Jobs in one bundle, at most. */
export const BUNDLE_SIZE = 50;

/** What a wake-up holds in Redis: the ids of jobs with the attempts they had, and nothing else of them. */
export interface WakePayload {
  /** `<job id>-<attempt>` each. */
  readonly entries: readonly string[];
}

/**
 * The way of wake-ups into Redis. What is due goes in bundles, what has begun before to the head of its queue; what has a priority or a
 * delay goes alone.
 */
export interface Wake {
  /** Adds wake-ups. Adding one twice is harmless. Rejects when Redis does not take them. */
  add(wakeUps: readonly WakeUp[]): Promise<void>;
  /**
   * Adds entries again that a worker was given and cannot take now, as one bundle.
   *
   * @param place at the head of the queue, or after delayMs
   */
  again(queue: string, entries: readonly string[], place: "head" | Later): Promise<void>;
  /** Forgets entries of a bundle that were taken. */
  forget(queue: string, bundle: string, entries: readonly string[]): Promise<void>;
  /** Those of a list that Redis does not hold. */
  missing(wakeUps: readonly WakeUp[]): Promise<WakeUp[]>;
  close(): Promise<void>;
}

/** Not now. */
export interface Later {
  readonly delayMs: number;
  readonly priority: number;
}

/** An entry of a bundle: the attempt makes the wake-up of a retry differ from the one before. */
export function entryOf(wakeUp: Pick<WakeUp, "jobId" | "attempt">): string {
  return `${wakeUp.jobId}-${wakeUp.attempt}`;
}

/** The job of an entry. */
export function jobIdOf(entry: string): string {
  return entry.slice(0, entry.indexOf("-"));
}

/**
 * Hash of a queue that tells for each entry which BullMQ job holds it, where that job has not the entry itself for its id: what is in no
 * bundle, or in one that is gone, is missing.
 */
export function heldKey(queue: string): string {
  return `${QUEUE_PREFIX}:${queue}:held`;
}

interface Bundle {
  /** Id of the BullMQ job. */
  readonly id: string;
  readonly entries: readonly string[];
  readonly options: { readonly priority?: number; readonly delay?: number; readonly lifo?: boolean };
}

/** @param redis a connection that fails rather than waits; it is not closed here */
export function createWake(redis: Redis, log: Logger): Wake {
  const queues = createQueues(redis, log);
  async function put(name: string, bundles: readonly Bundle[]): Promise<void> {
    const ready = await queues.ready(name);
    const notes = held(bundles);
    // Both on one connection, in this order: a bundle that did not come to be leaves entries that count as missing.
    const noted = notes.length > 0 ? redis.hset(heldKey(name), ...notes) : undefined;
    await Promise.all([noted, ready.addBulk(bundles.map(toBulk))]);
  }
  return {
    add: async (wakeUps) => {
      assertReady(redis);
      for (const [name, list] of Map.groupBy(wakeUps, (w) => w.queue)) await put(name, bundle(list));
    },
    again: async (name, entries, place) => {
      assertReady(redis);
      await put(name, [{ id: newId(entries), entries, options: place === "head" ? { lifo: true } : later(place) }]);
    },
    forget: async (name, bundleId, entries) => {
      const noted = entries.filter((entry) => entry !== bundleId);
      if (noted.length > 0) await redis.hdel(heldKey(name), ...noted);
    },
    missing: async (wakeUps) => {
      assertReady(redis);
      const groups = [...Map.groupBy(wakeUps, (w) => w.queue)];
      const lists = await Promise.all(groups.map(([name, list]) => missingOf(redis, queues.of(name), list)));
      return lists.flat();
    },
    close: () => queues.close(),
  };
}

/** BullMQ's queues by name, opened at their first use. */
interface Queues {
  of(name: string): Queue<WakePayload>;
  /**
   * The same once it has looked at Redis. BullMQ keeps a first look that failed for ever: such a queue is given up, and the next use opens
   * another.
   */
  ready(name: string): Promise<Queue<WakePayload>>;
  close(): Promise<void>;
}

function createQueues(redis: Redis, log: Logger): Queues {
  const opened = new Map<string, Queue<WakePayload>>();
  function of(name: string): Queue<WakePayload> {
    const known = opened.get(name);
    if (known) return known;
    const made = openQueue(name, redis, log);
    opened.set(name, made);
    return made;
  }
  return {
    of,
    ready: async (name) => {
      const queue = of(name);
      try {
        await queue.waitUntilReady();
        return queue;
      } catch (error) {
        if (opened.get(name) === queue) opened.delete(name);
        queue.close().catch(() => undefined);
        throw error;
      }
    },
    close: async () => {
      await Promise.all([...opened.values()].map((queue) => queue.close()));
    },
  };
}

function openQueue(name: string, redis: Redis, log: Logger): Queue<WakePayload> {
  const queue = new Queue<WakePayload>(name, { connection: redis, prefix: QUEUE_PREFIX });
  queue.on("error", (error) => {
    log.debug({ err: error, queue: name }, "a queue's connection has an error");
  });
  return queue;
}

/** BullMQ waits for a connection without end; our callers hold database rows meanwhile. */
function assertReady(redis: Redis): void {
  if (redis.status !== "ready") throw new Error(`Redis is not reachable (connection is ${redis.status})`);
}

function bundle(wakeUps: readonly WakeUp[]): Bundle[] {
  const { alone = [], begun = [], due = [] } = Object.groupBy(wakeUps, groupOf);
  return [...alone.map(single), ...pack(begun, { lifo: true }), ...pack(due, {})];
}

/** What has begun once has waited already: a job whose worker died must not wait behind the whole queue again. */
function groupOf({ attempt, priority, delayMs }: WakeUp): "alone" | "begun" | "due" {
  if (priority > 0 || delayMs > 0) return "alone";
  return attempt > 0 ? "begun" : "due";
}

function pack(due: readonly WakeUp[], options: Bundle["options"]): Bundle[] {
  if (due.length === 1) return due.map((one) => ({ ...single(one), options }));
  const bundles: Bundle[] = [];
  for (let from = 0; from < due.length; from += BUNDLE_SIZE) {
    const entries = due.slice(from, from + BUNDLE_SIZE).map(entryOf);
    bundles.push({ id: newId(entries), entries, options });
  }
  return bundles;
}

/** Under an id of its own contents: a second one is passed over by BullMQ. */
function single(wakeUp: WakeUp): Bundle {
  const entry = entryOf(wakeUp);
  return { id: entry, entries: [entry], options: later(wakeUp) };
}

function later({ priority, delayMs }: Later): Bundle["options"] {
  return { ...(priority > 0 ? { priority } : {}), ...(delayMs > 0 ? { delay: Math.ceil(delayMs) } : {}) };
}

/** BullMQ passes over an id that it has: what holds other entries, or is added while its like is still there, must never meet that. */
function newId(entries: readonly string[]): string {
  return `${entries[0] ?? ""}.${randomBytes(6).toString("hex")}`;
}

function held(bundles: readonly Bundle[]): string[] {
  return bundles.flatMap(({ id, entries }) => entries.flatMap((entry) => (entry === id ? [] : [entry, id])));
}

function toBulk({ id, entries, options }: Bundle) {
  // What has done its work must not stay, nor stand in the way of one with the same id.
  return {
    name: "wake",
    data: { entries },
    opts: { jobId: id, removeOnComplete: true, removeOnFail: true, ...options },
  };
}

async function missingOf(redis: Redis, queue: Queue, wakeUps: readonly WakeUp[]): Promise<WakeUp[]> {
  const entries = wakeUps.map(entryOf);
  const holders = await redis.hmget(heldKey(queue.name), ...entries);
  const ids = [...new Set([...entries, ...holders.filter((id) => id !== null)])];
  const pipeline = redis.pipeline();
  for (const id of ids) pipeline.exists(queue.toKey(id));
  const answers = (await pipeline.exec()) ?? [];
  const there = new Set(ids.filter((_, index) => answers[index]?.[1] === 1));
  for (const id of await clearAstray(redis, queue, [...there])) there.delete(id);
  return wakeUps.filter((_, index) => !there.has(entries[index] ?? "") && !there.has(holders[index] ?? ""));
}

/** Bundles that are looked at first: those at the head of a queue should be the next to go, and whatever goes nowhere ends up there. */
const SAMPLE = 10;

/**
 * Removes bundles that are in no list, so that nobody will ever fetch them, and gives their ids: an eviction may take a list and leave
 * what was in it. As long as they are there BullMQ would pass over others of the same id.
 */
async function clearAstray(redis: Redis, queue: Queue, ids: readonly string[]): Promise<string[]> {
  const first = await astrayOf(queue, ids.slice(0, SAMPLE));
  if (first.length === 0) return [];
  const astray = [...first, ...(await astrayOf(queue, ids.slice(SAMPLE)))];
  await redis.del(...astray.map((id) => queue.toKey(id)));
  return astray;
}

async function astrayOf(queue: Queue, ids: readonly string[]): Promise<string[]> {
  const states = await Promise.all(ids.map((id) => queue.getJobState(id)));
  return ids.filter((_, index) => states[index] === "unknown");
}
