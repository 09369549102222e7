import { Queue, Worker } from "bullmq";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { loadRuntime } from "../configs/runtime.ts";
import { openFoundation, type Foundation } from "../jobs/foundation.ts";
import { createCloseStack, type CloseStack } from "../jobs/process.ts";
import { openBlockingRedis } from "../jobs/redis.ts";
import { BUNDLE_SIZE, heldKey, QUEUE_PREFIX, type WakePayload } from "../jobs/wake.ts";
import { until } from "../test/servers/programs.ts";
import { createTestLog, startStack, type TestStack } from "../test/servers/stack.ts";
import { startBundles, type Bundles } from "./bundles.ts";
import { createSlots, type Slots } from "./slots.ts";

const { log } = createTestLog();
let stack: TestStack;
let closing: CloseStack;
let foundation: Foundation;
beforeAll(async () => {
  stack = await startStack();
});
afterAll(() => stack.close());
beforeEach(async () => {
  await stack.reset();
  closing = createCloseStack(log);
  foundation = await openFoundation(loadRuntime("worker", stack.env), log, closing);
  await until("Redis is connected", () => foundation.redis.status === "ready");
});
afterEach(() => closing.close());

/** A worker of bundles that keeps what it took. */
interface Taker {
  readonly slots: Slots;
  readonly took: string[];
  readonly bundles: Bundles;
}

function connection() {
  const redis = openBlockingRedis(loadRuntime("worker", stack.env), log);
  closing.add("blocking", async () => {
    redis.disconnect();
  });
  return redis;
}

function start(places: number, early: readonly string[] = []): Taker {
  const slots = createSlots(places);
  const took: string[] = [];
  const take = async (entries: readonly string[]) => {
    took.push(...entries);
    return {
      early: entries.filter((entry) => early.includes(entry) && took.filter((t) => t === entry).length === 1),
      delayMs: 50,
    };
  };
  const bundles = startBundles({
    queue: "default",
    blockingRedis: connection(),
    wake: foundation.wake,
    slots,
    log,
    take,
  });
  closing.add("bundles", async () => {
    slots.close();
    await bundles.close();
  });
  return { slots, took, bundles };
}

function wakeUp(id: number, rest: { attempt?: number; priority?: number; delayMs?: number } = {}) {
  return { jobId: String(id), attempt: 0, queue: "default", priority: 0, delayMs: 0, ...rest };
}

function entries(from: number, to: number): string[] {
  return Array.from({ length: to - from + 1 }, (_, i) => `${from + i}-0`);
}

async function add(from: number, to: number): Promise<void> {
  await foundation.wake.add(entries(from, to).map((_, i) => wakeUp(from + i)));
}

async function resting(): Promise<{ held: unknown; keys: unknown }> {
  const keys = (await stack.redis.command("KEYS", `${QUEUE_PREFIX}:default:*-*`)) as string[];
  return { held: await stack.redis.command("HLEN", heldKey("default")), keys: keys.length };
}

describe("bundles", () => {
  it("are taken whole where there is room, and leave nothing behind", async () => {
    await add(1, 2 * BUNDLE_SIZE + 20);
    expect(await resting()).toEqual({ held: 120, keys: 3 });
    const { took } = start(200);
    await until("all are taken", () => took.length === 120);
    expect(took).toEqual(entries(1, 120));
    await until("nothing is left", async () => JSON.stringify(await resting()) === '{"held":0,"keys":0}');
  });

  it("give a worker no more than it has places, and the rest to others at once, first things first", async () => {
    await add(1, 10);
    await add(11, 12);
    const busy = start(3);
    await until("the first worker is full", () => busy.took.length === 3);
    const other = start(4);
    await until("the second worker is full", () => other.took.length === 4);
    expect([busy.took, other.took]).toEqual([entries(1, 3), entries(4, 7)]);
    await until("the rest is known", async () => (await resting()).held === 5);
    busy.slots.give(3);
    await until("it goes on", () => busy.took.length === 6);
    expect(busy.took.slice(3)).toEqual(entries(8, 10));
  });

  it("come again later when it was too early, and only those of it", async () => {
    await add(1, 3);
    const { took, slots } = start(3, ["2-0"]);
    await until("it was taken", () => took.length === 3);
    slots.give(1);
    await until("it came again", () => took.length === 4);
    expect(took).toEqual(["1-0", "2-0", "3-0", "2-0"]);
    await until("nothing is left", async () => JSON.stringify(await resting()) === '{"held":0,"keys":0}');
  });

  it("go to the head where they have begun before, one alone too", async () => {
    await add(1, 4);
    await foundation.wake.add([wakeUp(5), wakeUp(6, { attempt: 2 })]);
    await foundation.wake.add([wakeUp(7, { attempt: 1 }), wakeUp(8, { attempt: 1 })]);
    const { took } = start(8);
    await until("all are taken", () => took.length === 8);
    expect(took).toEqual(["7-1", "8-1", "6-2", ...entries(1, 5)]);
  });

  it("keep priorities and delays in order", async () => {
    await foundation.wake.add([
      ...[
        wakeUp(1, { priority: 9 }),
        wakeUp(2, { priority: 2 }),
        wakeUp(3, { delayMs: 400 }),
        wakeUp(4, { delayMs: 200 }),
      ],
      ...[wakeUp(5), wakeUp(6)],
    ]);
    const { took, slots } = start(1);
    for (let n = 1; n <= 6; n += 1) {
      await until(`${n} were taken`, () => took.length >= n);
      await new Promise((resolve) => setTimeout(resolve, n === 3 ? 600 : 0));
      slots.give(1);
    }
    expect(took.slice(0, 3)).toEqual(["5-0", "6-0", "2-0"]);
    expect(took.indexOf("4-0")).toBeLessThan(took.indexOf("3-0"));
    expect(took.toSorted()).toEqual(entries(1, 6));
  });

  it("that were fetched and not claimed by a worker that died come back", async () => {
    await add(1, 5);
    const dead = new Worker<WakePayload>("default", null, {
      connection: connection(),
      prefix: QUEUE_PREFIX,
      lockDuration: 500,
    });
    expect((await dead.getNextJob("token")).data.entries).toEqual(entries(1, 5));
    await dead.close(true);
    const { took, bundles } = start(10);
    // A look marks what is active, the next one finds it without its lock.
    for (let look = 0; took.length === 0 && look < 8; look += 1) {
      await bundles.putBackStalled();
      await new Promise((resolve) => setTimeout(resolve, 1000));
    }
    expect(took).toEqual(entries(1, 5));
  });

  it("whose rest cannot be put back while the jobs are claimed do not end the process, and stay fetched", async () => {
    const unhandled: unknown[] = [];
    const note = (reason: unknown) => unhandled.push(reason);
    process.prependListener("unhandledRejection", note);
    closing.add("listener", async () => void process.off("unhandledRejection", note));
    await add(1, 5);
    const slots = createSlots(2);
    const took: string[] = [];
    const bundles = startBundles({
      ...{ queue: "default", blockingRedis: connection(), slots, log },
      wake: { ...foundation.wake, again: () => Promise.reject(new Error("Redis is not reachable")) },
      take: async (claimed) => {
        await new Promise((resolve) => setTimeout(resolve, 50));
        took.push(...claimed);
        return { early: [], delayMs: 0 };
      },
    });
    closing.add("bundles", async () => {
      slots.close();
      await bundles.close();
    });
    await until("two are taken", () => took.length === 2);
    expect(unhandled).toEqual([]);
    expect(await stack.redis.command("LLEN", `${QUEUE_PREFIX}:default:active`)).toBe(1);
  });

  it("are put back whole by a worker that stops before it has taken anything", async () => {
    const { slots, bundles, took } = start(1);
    slots.close();
    await add(1, 4);
    await bundles.close();
    expect(took).toEqual([]);
    const other = start(10);
    await until("another one takes them", () => other.took.length >= 4);
    expect(new Set(other.took)).toEqual(new Set(entries(1, 4)));
  });

  it("are missing when the map knows them and their bundle is gone, or the map does not know them", async () => {
    await add(1, 3);
    const all = [1, 2, 3, 4].map((id) => wakeUp(id));
    expect(await foundation.wake.missing(all)).toEqual([wakeUp(4)]);
    const queue = new Queue("default", { connection: foundation.redis, prefix: QUEUE_PREFIX });
    closing.add("queue", () => queue.close());
    await queue.drain();
    expect(await foundation.wake.missing(all)).toEqual(all);
  });
});
