import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, describe, expect, it } from "vitest";
import { POOLS, type PoolKind } from "../../configs/worker-settings.ts";
import type { Member } from "../../jobs/kind.ts";
import { until } from "../../test/servers/programs.ts";
import { createTestLog } from "../../test/servers/stack.ts";
import { NoPlace, RunnerDied, type WorkHost } from "../runner.ts";
import { createPool, type Pool, type PoolOptions } from "./pool.ts";

const entry = join(dirname(fileURLToPath(import.meta.url)), "test-place.ts");
const objects = mkdtempSync(join(tmpdir(), "slipway-pool-"));
const open: Pool[] = [];
afterEach(async () => {
  for (const pool of open.splice(0)) await pool.close();
});
afterAll(() => {
  rmSync(objects, { recursive: true });
});

const { log, lines } = createTestLog();

async function start(kind: PoolKind, rest: Partial<PoolOptions> = {}): Promise<Pool> {
  const speech = { engine: "espeak-ng", kokoro: { modelDir: "/nowhere", device: "cpu" } } as const;
  const settings = { logLevel: "fatal", objectsUrl: `file://${objects}`, speech } as const;
  const pool = await createPool({ kind, places: 1, program: { entry }, settings, log, ...rest });
  open.push(pool);
  return pool;
}

const alone: WorkHost = { progress: () => undefined, members: async () => [] };
const never = new AbortController().signal;
let next = 0;

async function run(pool: Pool, kind: string, params: unknown = {}, signal = never, host = alone) {
  next += 1;
  return pool.run({ jobId: String(BigInt(next) << 22n), attempt: 1, kind, params }, host, signal);
}

async function result(pool: Pool, kind: string, params: unknown = {}): Promise<unknown> {
  const outcome = await run(pool, kind, params);
  if (outcome.is !== "success") throw new Error(JSON.stringify(outcome));
  return outcome.result;
}

function files(): string[] {
  return readdirSync(objects, { recursive: true, withFileTypes: true })
    .filter((found) => found.isFile())
    .map(({ name }) => name);
}

function isAlive(pid: number): boolean {
  // A zombie that nobody has waited for yet is dead.
  return existsSync(`/proc/${pid}`) && !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
}

describe.each(POOLS)("a pool of kind %s", (kind) => {
  it("runs many jobs at once, each with its own answer, spread over its places", async () => {
    const pool = await start(kind, { places: 2 });
    expect(pool.state()).toEqual({ places: 2, ready: 2, jobs: 0, restarts: 0 });
    const asked = Array.from({ length: 500 }, (_, index) => ({ index, text: "ä€" }));
    expect(await Promise.all(asked.map((params) => result(pool, "echo", params)))).toEqual(asked);
    const where = (await Promise.all([1, 2].map(() => result(pool, "where")))) as { pid: number; thread: number }[];
    expect(new Set(where.map(({ pid, thread }) => `${pid}/${thread}`)).size).toBe(2);
    const abort = new AbortController();
    const waiting = Array.from({ length: 4 }, () => run(pool, "wait", {}, abort.signal).catch(() => undefined));
    expect(pool.state().jobs).toBe(4);
    abort.abort(new Error("enough"));
    await Promise.all(waiting);
    await until("all have obeyed", () => pool.state().jobs === 0);
    expect(pool.state().restarts).toBe(0);
  });

  it("tells failures as they were", async () => {
    const pool = await start(kind);
    expect(await run(pool, "fail")).toMatchObject({
      is: "failure",
      permanent: false,
      failure: { code: "handler-failed", message: "as asked" },
    });
    expect(await run(pool, "hopeless")).toMatchObject({ permanent: true, failure: { code: "no-hope" } });
    expect(await run(pool, "no-json")).toMatchObject({ permanent: true, failure: { code: "result-not-json" } });
    expect(await run(pool, "nobody")).toMatchObject({ permanent: false, failure: { code: "unknown-kind" } });
    expect(await run(pool, "nothing")).toEqual({ is: "success", result: undefined, artifact: undefined });
  });

  it("asks the worker for members page by page, tells progress, and stores what is made", async () => {
    const pool = await start(kind);
    const all = Array.from({ length: 250 }, (_, position) => member(position));
    const heard: number[] = [];
    const host: WorkHost = {
      progress: ({ percent }) => heard.push(percent),
      members: async (after) => all.filter(({ position }) => position > after).slice(0, 100),
    };
    const outcome = await run(pool, "count", {}, never, host);
    expect(outcome).toMatchObject({ is: "success", result: all.map(({ position }) => position) });
    expect(heard).toEqual(all.map((_, index) => index + 1));
    const text = all.map(({ position }) => position).join();
    expect(outcome.artifact).toMatchObject({ bytes: text.length, mediaType: "text/plain" });
    expect(readFileSync(join(objects, outcome.artifact?.key ?? "none"), "utf8")).toBe(text);
    const broken = { ...host, members: async () => Promise.reject(new Error("the database is away")) };
    expect(await run(pool, "count", {}, never, broken)).toMatchObject({
      failure: { message: "the database is away" },
    });
  });

  it("settles at once when told to stop, with the reason it was given, and leaves no file behind", async () => {
    const pool = await start(kind);
    const before = files();
    const stop = new AbortController();
    const reason = new Error("for this reason");
    const late = run(pool, "late", {}, stop.signal);
    await until("it has stored", () => files().length > before.length);
    stop.abort(reason);
    await expect(late).rejects.toBe(reason);
    await expect(run(pool, "echo", {}, stop.signal)).rejects.toBe(reason);
    await until("what it stored is gone", () => files().length === before.length);
    await until("the worker has told of its end", () => pool.state().jobs === 0);
    expect(pool.state()).toMatchObject({ jobs: 0, restarts: 0 });
  });

  it("removes what a job stored that succeeded before it heard that it is to stop", async () => {
    const pool = await start(kind);
    const before = files();
    const stop = new AbortController();
    const job = run(pool, "too-late", { ms: 500 }, stop.signal);
    await until("it has stored", () => files().length > before.length);
    stop.abort(new Error("too late"));
    await expect(job).rejects.toThrow("too late");
    await until("what it stored is gone", () => files().length === before.length);
  });

  it.each([
    ["blocks its event loop", "block", { ms: 120_000 }],
    ["hears nothing", "deaf", {}],
  ])("ends a handler that %s with its place, hands its neighbours back and goes on", async (_, kindName, params) => {
    const pool = await start(kind, { obeyMs: 300 });
    const neighbour = run(pool, "wait");
    const stop = new AbortController();
    const bad = run(pool, kindName, params, stop.signal);
    neighbour.catch(() => undefined);
    setTimeout(() => {
      stop.abort(new Error("time is over"));
    }, 50);
    await expect(bad).rejects.toThrow("time is over");
    await expect(neighbour).rejects.toBeInstanceOf(RunnerDied);
    await expect(neighbour).rejects.toMatchObject({ alone: false });
    await expect(neighbour).rejects.toThrow(`of kind ${kindName} went on for 0.3 s after it was told to stop`);
    expect(await result(pool, "echo", { again: true })).toEqual({ again: true });
    expect(pool.state()).toMatchObject({ ready: 1, restarts: 1, jobs: 0 });
  });

  it("tells how a place ended by itself, and starts it again", async () => {
    const pool = await start(kind);
    const exit = run(pool, "exit", { status: 7 });
    await expect(exit).rejects.toThrow(/^place 1 \((process|thread) \d+\) ended with status 7$/);
    await expect(exit).rejects.toMatchObject({ name: "RunnerDied", alone: true });
    expect(await result(pool, "echo", { n: 1 })).toEqual({ n: 1 });
    expect(lines.at(-1)).toMatchObject({ place: 1, pauseMs: 100 });
    const both = [run(pool, "wait"), run(pool, "exit", { status: 8 })].map((each) =>
      each.catch((error: unknown) => error),
    );
    expect(await Promise.all(both)).toMatchObject([{ alone: false }, { alone: false }]);
    expect(lines.at(-1)).toMatchObject({ place: 1, pauseMs: 200 });
  });

  it("refuses a job, as none of its own fault, when no place becomes ready in time", async () => {
    const pool = await start(kind, { waitMs: 1 });
    await run(pool, "exit", { status: 7 }).catch(() => undefined);
    const refused = run(pool, "echo");
    await expect(refused).rejects.toBeInstanceOf(NoPlace);
    await expect(refused).rejects.toThrow(/^no place was ready within 0.001 s; last: place 1 .* ended with status 7$/);
    await until("it is started again", () => pool.state().ready === 1);
    expect(await result(pool, "echo", { n: 1 })).toEqual({ n: 1 });
  });

  it("runs jobs apart whose place died twice with others in it, so that the innocent do not die with the guilty one", async () => {
    const pool = await start(kind);
    const [innocent, guilty] = ["1", "2"];
    const runId = (jobId: string, kindName: string, params: unknown) =>
      pool
        .run({ jobId, attempt: 1, kind: kindName, params }, alone, never)
        .catch((error: unknown) => ({ is: "died", error }));
    const again = () => [runId(innocent, "sleep", { ms: 300 }), runId(guilty, "exit", { status: 3 })];
    const neither = [{ error: { alone: false } }, { error: { alone: false } }];
    expect(await Promise.all(again())).toMatchObject(neither);
    expect(await Promise.all(again())).toMatchObject(neither);
    // Both in turn in a place of their own; the pool's own place is not touched.
    const restarts = pool.state().restarts;
    expect(await Promise.all(again())).toMatchObject([
      { is: "success" },
      { error: { name: "RunnerDied", alone: true } },
    ]);
    expect(await result(pool, "echo", { n: 2 })).toEqual({ n: 2 });
    expect(pool.state()).toMatchObject({ restarts, ready: 1 });
    // One that is told to stop meanwhile settles at once.
    const stop = new AbortController();
    const stopped = pool.run({ jobId: guilty, attempt: 2, kind: "deaf", params: {} }, alone, stop.signal);
    stop.abort(new Error("stopped"));
    await expect(stopped).rejects.toThrow("stopped");
  });

  it("says why it cannot start", async () => {
    await expect(start(kind, { program: { entry: "/nowhere/place.ts" } })).rejects.toThrow(
      /place 1 .* ended with status 1/,
    );
    const speech = { engine: "kokoro", kokoro: { modelDir: "/nowhere", device: "cpu" } } as const;
    const settings = { logLevel: "fatal", objectsUrl: `file://${objects}`, speech } as const;
    await expect(start(kind, { settings })).rejects.toThrow("/nowhere");
    const stopped = AbortSignal.abort();
    const waiting = start(kind, { stopped });
    await expect(waiting).rejects.toThrow("told to stop");
  });
});

describe("processes", () => {
  it("get nothing of our environment but what programs need, and nothing on their command line", async () => {
    process.env["CANARY_SECRET"] = "canary";
    const pool = await start("process");
    const seen = (await result(pool, "where")) as { pid: number; env: Record<string, string>; argv: string[] };
    expect(JSON.stringify(seen)).not.toContain("canary");
    expect(seen.env["PATH"]).toBe(process.env["PATH"]);
    expect(seen.argv).toHaveLength(2);
    expect(readFileSync(`/proc/${seen.pid}/cmdline`, "utf8")).not.toContain(objects);
  });

  it("tell that one was killed, and take with them what it had started", async () => {
    const pool = await start("process");
    const { pid, child } = (await result(pool, "spawn")) as { pid: number; child: number };
    const waiting = run(pool, "wait");
    process.kill(pid, "SIGKILL");
    await expect(waiting).rejects.toThrow("was ended by SIGKILL: by somebody, or by the kernel for want of memory");
    await until("its child is gone too", () => !isAlive(child));
  });

  it("do not end by a signal that goes to everybody", async () => {
    const pool = await start("process");
    const { pid } = (await result(pool, "where")) as { pid: number };
    process.kill(pid, "SIGTERM");
    process.kill(pid, "SIGINT");
    expect(await result(pool, "echo", { still: true })).toEqual({ still: true });
    expect(pool.state().restarts).toBe(0);
  });
});

it.each([
  ["process", "ended by SIGABRT"],
  ["threads", "ended with status 1: Worker terminated due to reaching memory limit"],
] as const)("a pool of kind %s tells that a place had no memory left", async (kind, message) => {
  const pool = await start(kind, { program: { entry, heapMiB: 32 } });
  await expect(run(pool, "memory")).rejects.toThrow(message);
});

function member(position: number): Member {
  const rest = { params: {}, result: position, error: undefined, artifact: undefined };
  return { jobId: `id-${position}`, position, kind: "echo", state: "succeeded", ...rest };
}
