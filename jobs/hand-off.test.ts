import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import { loadRuntime } from "../configs/runtime.ts";
import { until } from "../test/servers/programs.ts";
import { createTestLog, startStack, type TestStack } from "../test/servers/stack.ts";
import { openFoundation, type Foundation } from "./foundation.ts";
import { createHandOff, type HandOff } from "./hand-off.ts";
import type { NewJob } from "./job.ts";
import { startMaintenance } from "./maintenance.ts";
import { createCloseStack, type CloseStack } from "./process.ts";
import { relayOutbox } from "./relay.ts";
import { createJobWriter } from "./store.ts";

const { log } = createTestLog();
/** As ids.ts makes them. */
const FIRST = 100_000_000_000_000_000n;
let stack: TestStack;
let closing: CloseStack;
let foundation: Foundation;
let handOff: HandOff;
const counts = { moved: 0, failures: 0 };
beforeAll(async () => {
  stack = await startStack();
});
afterAll(() => stack.close());
beforeEach(async () => {
  await stack.reset();
  Object.assign(counts, { moved: 0, failures: 0 });
  closing = createCloseStack(log);
  foundation = await openFoundation(loadRuntime("api", stack.env), log, closing);
  await until("Redis is connected", () => foundation.redis.status === "ready");
  handOff = createHandOff({ ...foundation, log, counts });
});
afterEach(async () => {
  await stack.redis.command("CONFIG", "SET", "maxmemory", "0");
  await handOff.close();
  await closing.close();
});

function jobs(count: number): NewJob[] {
  return Array.from({ length: count }, (_, index) => ({
    ...{ id: String(FIRST + BigInt(index)), tenant: "default", kind: "sum", queue: "default", params: {} },
  }));
}

/** @param takes is told of jobs that were made @default the hand-off */
async function write(
  list: readonly NewJob[],
  takes = (made: readonly NewJob[]) => {
    handOff.add(made);
  },
): Promise<void> {
  const writer = createJobWriter(foundation.pool, { onMade: takes });
  await Promise.all(list.map((job) => writer.insert(job)));
  await writer.close();
}

async function outbox(): Promise<number | undefined> {
  return (await stack.pool.query<{ n: number }>("SELECT count(*)::int AS n FROM outbox")).rows[0]?.n;
}

async function inRedis(): Promise<number> {
  const wakeUps = jobs(300).map(({ id }) => ({ jobId: id, attempt: 0, queue: "default", priority: 0, delayMs: 0 }));
  return wakeUps.length - (await foundation.wake.missing(wakeUps)).length;
}

it("brings wake-ups of jobs that were just made to Redis and deletes their rows, and no others", async () => {
  await write(jobs(300).slice(200), () => undefined);
  await write(jobs(200));
  await handOff.close();
  expect([await inRedis(), await outbox(), counts]).toEqual([200, 100, { moved: 200, failures: 0 }]);
});

it("hands a lone job on under its own name, which needs no note beside it", async () => {
  await write(jobs(1));
  await handOff.close();
  expect([await inRedis(), await outbox(), await stack.redis.command("HLEN", "slipway:default:held")]).toEqual([
    1, 0, 0,
  ]);
});

it("goes on after a statement that made nothing, since every key in it was known", async () => {
  const [job] = jobs(1);
  if (!job) throw new Error("a job was made");
  const keyed = { ...job, idempotency: { key: "again", fingerprint: Buffer.alloc(32) } };
  await write([keyed]);
  await write([{ ...keyed, id: String(FIRST + 50n) }]);
  await write(jobs(2).slice(1));
  await handOff.close();
  expect([await inRedis(), await outbox(), counts]).toEqual([2, 0, { moved: 2, failures: 0 }]);
});

it("keeps the delay and the priority of a job", async () => {
  const [first, second] = jobs(2);
  if (!first || !second) throw new Error("two jobs were made");
  await write([
    { ...first, delayMs: 60_000 },
    { ...second, priority: 7 },
  ]);
  await handOff.close();
  expect(await stack.redis.command("ZRANGE", "slipway:default:delayed", "0", "-1")).toEqual([`${first.id}-0`]);
  expect(await stack.redis.command("ZRANGE", "slipway:default:prioritized", "0", "-1")).toEqual([`${second.id}-0`]);
});

it("leaves to the relay what Redis does not take", async () => {
  await stack.redis.command("CONFIG", "SET", "maxmemory", "1");
  await write(jobs(3));
  await handOff.close();
  expect([await outbox(), counts]).toEqual([3, { moved: 0, failures: 1 }]);
  await stack.redis.command("CONFIG", "SET", "maxmemory", "0");
  expect(await relayOutbox(foundation.pool, foundation.wake, "own")).toBe(0);
  expect(await relayOutbox(foundation.pool, foundation.wake, "all")).toBe(3);
  expect([await inRedis(), await outbox()]).toEqual([3, 0]);
});

it("is made up for within some seconds by any process, where the one that made the jobs died", async () => {
  await write(jobs(3), () => undefined);
  const maintenance = startMaintenance({ ...foundation, log });
  await until("the rows are gone", async () => (await outbox()) === 0);
  expect([await inRedis(), maintenance.relayed().moved]).toEqual([3, 3]);
  await maintenance.close();
});
