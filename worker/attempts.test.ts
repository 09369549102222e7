import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { z } from "zod";
import { loadRuntime } from "../configs/runtime.ts";
import { insertBatch } from "../jobs/batches.ts";
import { openFoundation, type Foundation } from "../jobs/foundation.ts";
import type { Job } from "../jobs/job.ts";
import { defineKind, type JobContext, type RetryPolicy } from "../jobs/kind.ts";
import { cancelJob, retryJob } from "../jobs/lifecycle.ts";
import { createCloseStack, type CloseStack } from "../jobs/process.ts";
import { openBlockingRedis } from "../jobs/redis.ts";
import { insertJob, readJob } from "../jobs/store.ts";
import { until } from "../test/servers/programs.ts";
import { createTestLog, startStack, type TestLog, type TestStack } from "../test/servers/stack.ts";
import { createWorkers } from "./create-workers.ts";
import { createEspeakNg } from "./engines/espeak-ng.ts";
import { createInlineRunner } from "./inline-runner.ts";
import { NoPlace, RunnerDied, type JobRunner } from "./runner.ts";

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

/** Starts a worker of one kind, `test`. */
async function start(
  handler: (context: JobContext, params: unknown) => Promise<unknown>,
  rest: { retry?: RetryPolicy; around?: (runner: JobRunner) => JobRunner } = {},
): Promise<void> {
  const retry = rest.retry ?? { maxAttempts: 2, delayMs: 0 };
  const shape = { params: z.unknown(), result: z.unknown(), queue: "default" as const, timeoutMs: 20_000 };
  const kinds = new Map([["test", defineKind({ name: "test", retry, handler, ...shape })]]);
  const { log } = testLog;
  const blockingRedis = openBlockingRedis(loadRuntime("worker", stack.env), log);
  closing.add("blocking", async () => {
    blockingRedis.disconnect();
  });
  const inline = createInlineRunner({ ...foundation, kinds, log, engines: { speech: createEspeakNg() } });
  const runner = rest.around?.(inline) ?? inline;
  const common = { name: "test", queues: ["default"], concurrency: 4, finishWithinMs: 100 };
  const workers = await createWorkers({ ...foundation, ...common, kinds, log, blockingRedis, runner });
  closing.add("workers", () => workers.close());
}

let next = 0;
async function make(params: unknown = {}): Promise<string> {
  next += 1;
  const id = String(BigInt(next) << 22n);
  await insertJob(stack.pool, { id, tenant: "default", kind: "test", queue: "default", params });
  return id;
}

async function job(id: string): Promise<Job> {
  const found = await readJob(stack.pool, "default", id);
  if (!found) throw new Error(`job ${id} is gone`);
  return found;
}

async function ended(id: string): Promise<Job> {
  await until(`job ${id} has ended`, async () => (await job(id)).finishedAt !== undefined);
  return job(id);
}

async function outcomes(id: string): Promise<unknown[]> {
  const text = "SELECT outcome, error->>'code' AS code FROM attempts WHERE job_id = $1 ORDER BY attempt";
  const { rows } = await stack.pool.query<{ outcome: string; code: string | null }>(text, [id]);
  return rows.map((row) => (row.code === null ? row.outcome : `${row.outcome}: ${row.code}`));
}

/** Runs until its signal fires. */
const untilAborted = ({ signal }: JobContext) =>
  new Promise<never>((_, reject) => {
    signal.addEventListener("abort", () => {
      reject(new Error("stopped"));
    });
  });

describe("a running job", () => {
  it("is stopped when somebody cancels it, and starts over when it is retried", async () => {
    await start((context) => (context.attempt === 1 ? untilAborted(context) : Promise.resolve("again")));
    const id = await make();
    await until("it runs", async () => (await job(id)).state === "active");
    expect(await cancelJob(stack.pool, "default", id)).toEqual({ is: "requested" });
    expect(await ended(id)).toMatchObject({ state: "cancelled", attempt: 1, cancelRequested: false });
    expect(await outcomes(id)).toEqual(["cancelled"]);
    expect(await retryJob(stack.pool, "default", id)).toMatchObject({ is: "queued" });
    expect(await ended(id)).toMatchObject({ state: "succeeded", result: "again", attempt: 2 });
  });

  it("keeps the beginning of what a handler failed with, however long and odd", async () => {
    await start(async () => Promise.reject(new Error(`half\0 \ud800 ${"x".repeat(100_000)}`)), {
      retry: { maxAttempts: 1, delayMs: 0 },
    });
    const { error } = await ended(await make());
    expect(error?.message).toMatch(/^half \ufffd x{3000}/);
    expect(error?.message).toHaveLength(4000);
  });

  it("shows how far it is, whatever its handler says", async () => {
    await start(async (context) => {
      context.progress({ percent: 12 });
      context.progress({ percent: 400, message: `half\0 \ud800 ${"x".repeat(300)}` });
      return untilAborted(context);
    });
    const id = await make();
    await until("it shows", async () => (await job(id)).progress !== undefined);
    const progress = (await job(id)).progress;
    expect(progress).toMatchObject({ percent: 100 });
    expect(progress?.message).toMatch(/^half \ufffd x+$/);
    expect(progress?.message).toHaveLength(200);
    await cancelJob(stack.pool, "default", id);
    await ended(id);
  });

  it("is dead when its result cannot be kept, and its neighbours are not harmed", async () => {
    await start((_, params) => Promise.resolve(params === 3 ? "a\0b" : params));
    const ids = await Promise.all([1, 2, 3, 4].map((n) => make(n)));
    const states = await Promise.all(ids.map(async (id) => (await ended(id)).state));
    expect(states).toEqual(["succeeded", "succeeded", "dead", "succeeded"]);
    expect(await job(ids[2] ?? "")).toMatchObject({ attempt: 1, error: { code: "result-refused" } });
  });

  it("leaves a line with its attempt for each failure", async () => {
    await start(() => Promise.reject(new Error("no luck")));
    await ended(await make());
    const lines = testLog.lines.filter((line) => line["code"] === "handler-failed");
    expect(
      lines.map(({ level, attempt, failures, maxAttempts, msg }) => [level, attempt, failures, maxAttempts, msg]),
    ).toEqual([
      [40, 1, 1, 2, "attempt 1 failed"],
      [50, 2, 2, 2, "attempt 2 failed; job is dead"],
    ]);
  });
});

describe("a place that dies", () => {
  const failing =
    (error: Error, times: number) =>
    (inner: JobRunner): JobRunner => ({
      ...inner,
      run: (work, host, signal) => (work.attempt <= times ? Promise.reject(error) : inner.run(work, host, signal)),
    });
  const dying = (alone: boolean, times: number) => failing(new RunnerDied("killed", { alone }), times);

  it("loses a job that was not alone in it, more often than it may fail", async () => {
    await start(async () => "done", { around: dying(false, 4) });
    const id = await make();
    expect(await ended(id)).toMatchObject({ state: "succeeded", attempt: 5, error: undefined });
    expect(await outcomes(id)).toEqual([...Array.from({ length: 4 }, () => "lost: runner-died"), "succeeded"]);
  });

  it("is the failure of a job that was alone in it", async () => {
    await start(async () => "done", { around: dying(true, 9) });
    expect(await ended(await make())).toMatchObject({ state: "dead", attempt: 2, error: { code: "runner-died" } });
  });

  it("counts nothing against a job that none could take, however often", async () => {
    await start(async () => "done", { around: failing(new NoPlace("none is ready"), 12) });
    const id = await make();
    expect(await ended(id)).toMatchObject({ state: "succeeded", attempt: 13 });
    const { rows } = await stack.pool.query("SELECT losses, failures FROM jobs WHERE id = $1", [id]);
    expect([rows, new Set(await outcomes(id))]).toEqual([
      [{ losses: 0, failures: 0 }],
      new Set(["handed-back", "succeeded"]),
    ]);
  });
});

it("gives an aggregate its members, in order and with what became of them", async () => {
  await start(async (context, params) => {
    if (params !== "all") return params;
    const list: unknown[] = [];
    for await (const { position, state, result } of context.members()) list.push([position, state, result]);
    return list;
  });
  const members = Array.from({ length: 120 }, (_, i) => ({ id: String(i + 1), params: i }));
  const aggregate = { id: "999", kind: "test", queue: "default", params: "all" };
  const common = { tenant: "default", kind: "test", queue: "default", priority: 0, delayMs: 0 };
  await insertBatch(stack.pool, { id: "1000", ...common, members, aggregate, onMemberFailure: "fail" });
  expect((await ended("999")).result).toEqual(members.map(({ params }) => [params, "succeeded", params]));
});
