import { readdirSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import { z } from "zod";
import { loadRuntime } from "../configs/runtime.ts";
import type { Job } from "../jobs/job.ts";
import { defineKind, PermanentFailure, type AnyKind } from "../jobs/kind.ts";
import { openFoundation, type Foundation } from "../jobs/foundation.ts";
import { createCloseStack, type CloseStack } from "../jobs/process.ts";
import { openBlockingRedis } from "../jobs/redis.ts";
import { relayOutbox } from "../jobs/relay.ts";
import { insertJob, readJob } from "../jobs/store.ts";
import { readWav } from "../jobs/wav.ts";
import { until } from "../test/servers/programs.ts";
import { createTestLog, startStack, type TestLog, type TestStack } from "../test/servers/stack.ts";
import { createWorkers, type Workers } from "./create-workers.ts";
import { createInlineRunner } from "./inline-runner.ts";
import { createEspeakNg } from "./engines/espeak-ng.ts";

let stack: TestStack;
let closing: CloseStack;
let foundation: Foundation;
let testLog: TestLog;
beforeAll(async () => {
  stack = await startStack();
});
afterAll(() => stack.close());
beforeEach(async () => {
  await stack.reset();
  testLog = createTestLog();
  closing = createCloseStack(testLog.log);
  foundation = await openFoundation(loadRuntime("worker", stack.env), testLog.log, closing);
  await until("Redis is connected", () => foundation.redis.status === "ready");
});
afterEach(() => closing.close());

const runs = new Map<string, number>();
const anything = z.unknown();
function kind(name: string, rest: Partial<Parameters<typeof defineKind>[0]>): [string, AnyKind] {
  const base = { name, params: anything, result: anything, retry: { maxAttempts: 3, delayMs: 10 } };
  return [name, defineKind({ queue: "default", timeoutMs: 5000, handler: async () => "done", ...base, ...rest })];
}

const KINDS = [
  kind("count", {
    handler: async ({ jobId }) => {
      runs.set(jobId, (runs.get(jobId) ?? 0) + 1);
      return "counted";
    },
  }),
  kind("twice", {
    handler: async ({ attempt }) => {
      if (attempt === 1) throw new Error("the first fails");
      return attempt;
    },
  }),
  kind("never", {
    handler: async () => {
      throw new Error("always");
    },
  }),
  kind("hopeless", {
    handler: async () => {
      throw new PermanentFailure("no-hope", "not today");
    },
  }),
  kind("deaf", { timeoutMs: 50, retry: { maxAttempts: 1, delayMs: 0 }, handler: () => new Promise(() => undefined) }),
  kind("slow", {
    handler: ({ signal, attempt }) =>
      attempt > 1
        ? Promise.resolve("second")
        : new Promise((_, reject) => {
            signal.addEventListener("abort", () => {
              reject(new Error("stopped"));
            });
          }),
  }),
];

async function start(
  rest: { finishWithinMs?: number; concurrency?: number; queues?: string[] } = {},
): Promise<Workers> {
  const blockingRedis = openBlockingRedis(loadRuntime("worker", stack.env), testLog.log);
  const { log } = testLog;
  const kinds = new Map([...foundation.kinds, ...KINDS]);
  const workers = await createWorkers({
    ...foundation,
    blockingRedis,
    kinds,
    log,
    runner: createInlineRunner({ ...foundation, kinds, log, engines: { speech: createEspeakNg() } }),
    name: "test",
    queues: ["default", "cpu"],
    concurrency: 4,
    finishWithinMs: 5000,
    ...rest,
  });
  closing.add("blocking", async () => {
    blockingRedis.disconnect();
  });
  closing.add("workers", () => workers.close());
  return workers;
}

let next = 0;
async function make(kindName: string, params: unknown = {}, queue = "default"): Promise<string> {
  next += 1;
  const id = String(BigInt(next) << 22n);
  await insertJob(stack.pool, { id, tenant: "default", kind: kindName, queue, params });
  return id;
}

async function ended(id: string): Promise<Job> {
  let job: Job | undefined;
  await until(`job ${id} has ended`, async () => {
    job = await readJob(stack.pool, "default", id);
    return job?.finishedAt !== undefined;
  });
  if (!job) throw new Error(`job ${id} is gone`);
  return job;
}

async function attempts(id: string): Promise<unknown[]> {
  const { rows } = await stack.pool.query<{ outcome: string }>(
    "SELECT outcome FROM attempts WHERE job_id = $1 ORDER BY attempt",
    [id],
  );
  return rows.map((row) => row.outcome);
}

it("does a job of every kind that ships", async () => {
  await start();
  const sum = await ended(await make("sum", { numbers: [1, 2, 3.5] }));
  expect(sum).toMatchObject({ state: "succeeded", result: { sum: 6.5 }, attempt: 1 });
});

it("speaks: real sound, as long as the text asks for, stored once and whole", async () => {
  await start();
  const text = "The quick brown fox jumps over the lazy dog, and then it rests for a while in the sun.";
  const job = await ended(await make("speech", { text }, "cpu"));
  expect(job.state).toBe("succeeded");
  const file = await readFile(join(stack.objects, job.artifact?.key ?? "none"));
  const sound = readWav(file);
  const result = z
    .object({ durationSeconds: z.number(), peakDbfs: z.number(), sampleRate: z.number(), bytes: z.number() })
    .parse(job.result);
  expect(result.peakDbfs).toBeGreaterThan(-30);
  // 18 words: three to eight seconds at any speed that people speak at.
  expect(result.durationSeconds).toBeGreaterThan(3);
  expect(result.durationSeconds).toBeLessThan(8);
  expect(result.durationSeconds).toBeCloseTo(sound.samples.length / 2 / sound.sampleRate, 2);
  expect(result.bytes).toBe(file.length);
  expect(job.artifact).toMatchObject({ bytes: file.length, mediaType: "audio/wav" });
  expect(readdirSync(join(stack.objects, ".staging"))).toEqual([]);
});

it("refuses a voice that is not there, without trying again", async () => {
  await start();
  const job = await ended(await make("speech", { text: "hello", voice: "klingon-x" }, "cpu"));
  expect(job).toMatchObject({ state: "dead", attempt: 1, error: { code: "unknown-voice" } });
});

it("tries again after a failure, up to the maximum of the kind", async () => {
  await start();
  const [twice, never] = [await make("twice"), await make("never")];
  expect(await ended(twice)).toMatchObject({ state: "succeeded", result: 2 });
  expect(await attempts(twice)).toEqual(["failed", "succeeded"]);
  expect(await ended(never)).toMatchObject({
    state: "dead",
    attempt: 3,
    error: { code: "handler-failed", message: "always" },
  });
  expect(await attempts(never)).toEqual(["failed", "failed", "failed"]);
});

it("does not try again where it cannot help, and ends a handler that hears nothing", async () => {
  await start();
  const [hopeless, deaf, unfit] = [await make("hopeless"), await make("deaf"), await make("sum", { numbers: "x" })];
  expect(await ended(hopeless)).toMatchObject({
    state: "dead",
    attempt: 1,
    error: { code: "no-hope", message: "not today" },
  });
  expect(await ended(deaf)).toMatchObject({ state: "dead", error: { code: "timeout" } });
  expect(await ended(unfit)).toMatchObject({ state: "dead", attempt: 1, error: { code: "invalid-params" } });
});

it("does a job once, however often its wake-up comes", async () => {
  const ids = await Promise.all(Array.from({ length: 20 }, () => make("count")));
  const { rows } = await stack.pool.query<{ n: number }>("SELECT count(*)::int AS n FROM outbox");
  expect(rows[0]?.n).toBe(20);
  // Two relays at once, then everything a second time, as after a relay that died before its commit.
  await Promise.all([relayOutbox(foundation.pool, foundation.wake), relayOutbox(foundation.pool, foundation.wake)]);
  await foundation.wake.add(ids.map((jobId) => ({ jobId, attempt: 0, queue: "default", priority: 0, delayMs: 0 })));
  await foundation.wake.add(ids.map((jobId) => ({ jobId, attempt: 9, queue: "default", priority: 0, delayMs: 0 })));
  await start();
  for (const id of ids) expect(await ended(id)).toMatchObject({ state: "succeeded", attempt: 1 });
  expect(ids.map((id) => runs.get(id))).toEqual(ids.map(() => 1));
});

it("finishes every job after Redis was wiped", async () => {
  const ids = await Promise.all(Array.from({ length: 300 }, () => make("count")));
  await relayOutbox(foundation.pool, foundation.wake);
  await stack.redis.command("FLUSHALL");
  await start();
  for (const id of ids) await ended(id);
  await stack.redis.command("FLUSHALL");
  const later = await Promise.all(Array.from({ length: 20 }, () => make("count")));
  for (const id of later) await ended(id);
  expect([...ids, ...later].filter((id) => runs.get(id) !== 1)).toEqual([]);
});

it("goes on after Redis was killed and came back empty", async () => {
  await start();
  const before = await make("count");
  await ended(before);
  await stack.redis.kill();
  const during = await make("count");
  await stack.redis.start();
  expect(await ended(during)).toMatchObject({ state: "succeeded" });
});

it("goes on after Postgres was killed and came back", async () => {
  await start();
  await ended(await make("count"));
  await stack.postgres.kill();
  await stack.postgres.start();
  expect(await ended(await make("count"))).toMatchObject({ state: "succeeded" });
});

it("hands running jobs back when it stops, and another worker does them", async () => {
  const workers = await start({ finishWithinMs: 100 });
  const id = await make("slow");
  await until("the job runs", async () => (await readJob(stack.pool, "default", id))?.state === "active");
  await workers.close();
  expect(await readJob(stack.pool, "default", id)).toMatchObject({ state: "queued", attempt: 1 });
  await start();
  expect(await ended(id)).toMatchObject({ state: "succeeded", attempt: 2 });
  expect(await attempts(id)).toEqual(["handed-back", "succeeded"]);
});

it("drops what it made when its lease was lost meanwhile", async () => {
  await start({ concurrency: 1 });
  const id = await make("slow");
  await until("the job runs", async () => (await readJob(stack.pool, "default", id))?.state === "active");
  await stack.pool.query("DELETE FROM workers");
  expect(await ended(id)).toMatchObject({ state: "succeeded", result: "second" });
  expect(await attempts(id)).toEqual(["lost", "succeeded"]);
});

it("queues a job again that it holds without knowing", async () => {
  await start();
  const id = await make("count");
  await ended(id);
  // As after a claim whose answer got lost on the way.
  await stack.pool.query(
    "UPDATE jobs SET state = 'active', attempt = 2, finished_at = NULL, started_at = now() - interval '6 s', worker = (SELECT id FROM workers) WHERE id = $1",
    [id],
  );
  expect(await ended(id)).toMatchObject({ state: "succeeded", attempt: 3 });
});

it("keeps to its concurrency over all queues", async () => {
  await start({ concurrency: 2 });
  const ids = await Promise.all(Array.from({ length: 6 }, (_, i) => make("slow", {}, i % 2 ? "default" : "cpu")));
  const active = "SELECT count(*)::int AS n FROM jobs WHERE state = 'active'";
  await until("two run", async () => (await stack.pool.query<{ n: number }>(active)).rows[0]?.n === 2);
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect((await stack.pool.query(active)).rows).toEqual([{ n: 2 }]);
  expect(ids).toHaveLength(6);
});

it("starts also when the database goes away in the middle of it", async () => {
  await stack.postgres.kill();
  const starting = start();
  // Handled here, so that a start that gives up fails this test and not the process.
  const outcome = starting.then(
    () => "started",
    (error: unknown) => String(error),
  );
  await until("it was tried in vain", () => testLog.lines.some(({ msg }) => String(msg).startsWith("not reachable")));
  await stack.postgres.start();
  expect(await outcome).toBe("started");
});
