import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { startStack, type TestStack } from "../test/servers/stack.ts";
import { claimJob, failJob, Fenced, handBackJob, succeedJob, type Claim } from "./attempts.ts";
import type { Queryable } from "./database.ts";
import type { NewJob } from "./job.ts";
import { insertJob, readJob } from "./store.ts";
import { MAX_LOSSES, pulse, registerWorker, takeOver } from "./worker-lease.ts";

let stack: TestStack;
let worker: string;
beforeAll(async () => {
  stack = await startStack();
});
afterAll(() => stack.close());
beforeEach(async () => {
  await stack.reset();
  worker = await registerWorker(stack.pool, "w", ["default"]);
});

function job(id: string, rest: Partial<NewJob> = {}): NewJob {
  return { id, tenant: "default", kind: "sum", queue: "default", params: { numbers: [1] }, ...rest };
}

async function claim(id: string, by = worker): Promise<Claim> {
  const outcome = await claimJob(stack.pool, id, by);
  if (outcome.outcome !== "claimed") throw new Error(`job ${id} was not claimed: ${outcome.outcome}`);
  return outcome.claim;
}

async function rows(sql: string): Promise<Record<string, unknown>[]> {
  return (await stack.pool.query<Record<string, unknown>>(sql)).rows;
}

async function expire(workerId: string): Promise<void> {
  await stack.pool.query("UPDATE workers SET lease_until = now() - interval '1 s' WHERE id = $1", [workerId]);
}

const artifact = { key: "1-1.wav", mediaType: "audio/wav", bytes: 4, sha256: "00" };

describe("insertJob", () => {
  it("makes job and outbox row in one statement, or neither", async () => {
    let statements = 0;
    const counted: Queryable = {
      query: (statement) => {
        statements += 1;
        return stack.pool.query(statement);
      },
    };
    await insertJob(counted, job("1", { priority: 7 }));
    expect(statements).toBe(1);
    expect(await rows("SELECT job_id, attempt, queue, priority FROM outbox")).toEqual([
      { job_id: "1", attempt: 0, queue: "default", priority: 7 },
    ]);
    await expect(insertJob(stack.pool, job("1"))).rejects.toThrow(/duplicate key/);
    await expect(insertJob(stack.pool, job("2", { priority: -1 }))).rejects.toThrow(/violates check/);
    expect(await rows("SELECT id FROM jobs")).toEqual([{ id: "1" }]);
    expect(await rows("SELECT count(*)::int AS n FROM outbox")).toEqual([{ n: 1 }]);
  });

  it("keeps ids of 64 bits and parameters as they are", async () => {
    const id = "9223372036854775807";
    const params = { text: 'né\n"x" 🎉', list: [1, null, { a: [] }] };
    await insertJob(stack.pool, job(id, { params }));
    expect(await readJob(stack.pool, "default", id)).toMatchObject({
      id,
      params,
      state: "queued",
      attempt: 0,
      artifact: undefined,
    });
    expect(await readJob(stack.pool, "default", "5")).toBeUndefined();
  });
});

describe("claimJob", () => {
  it("gives a job to one of many", async () => {
    await insertJob(stack.pool, job("1"));
    const outcomes = await Promise.all(Array.from({ length: 8 }, () => claimJob(stack.pool, "1", worker)));
    expect(outcomes.filter((o) => o.outcome === "claimed")).toHaveLength(1);
    expect(outcomes.filter((o) => o.outcome === "gone")).toHaveLength(7);
    expect(await rows("SELECT attempt, state FROM jobs")).toEqual([{ attempt: 1, state: "active" }]);
    expect(await rows("SELECT * FROM attempts")).toEqual([]); // Written when it ends.
  });

  it("says how long a delayed job has to wait", async () => {
    await insertJob(stack.pool, job("1", { delayMs: 60_000 }));
    const outcome = await claimJob(stack.pool, "1", worker);
    expect(outcome).toMatchObject({ outcome: "early" });
    expect(outcome.outcome === "early" && outcome.delayMs).toBeGreaterThan(50_000);
  });

  it("gives nothing to a worker whose lease is gone", async () => {
    await insertJob(stack.pool, job("1"));
    expect(await claimJob(stack.pool, "1", "999")).toMatchObject({ outcome: "early" });
    expect(await readJob(stack.pool, "default", "1")).toMatchObject({ state: "queued", attempt: 0 });
  });
});

describe("an attempt's end", () => {
  it("commits result, artifact and attempt together", async () => {
    await insertJob(stack.pool, job("1"));
    await succeedJob(stack.pool, await claim("1"), { sum: 1 }, artifact);
    expect(await readJob(stack.pool, "default", "1")).toMatchObject({
      state: "succeeded",
      result: { sum: 1 },
      artifact,
    });
    expect(await rows("SELECT outcome, finished_at IS NOT NULL AS ended FROM attempts")).toEqual([
      { outcome: "succeeded", ended: true },
    ]);
  });

  it("refuses a stale token: nothing of that attempt is written", async () => {
    await insertJob(stack.pool, job("1"));
    const stale = await claim("1");
    await expire(worker);
    expect(await takeOver(stack.pool)).toBe(1);
    await expect(succeedJob(stack.pool, stale, { sum: 13 }, artifact)).rejects.toThrow(Fenced);
    const other = await registerWorker(stack.pool, "other", ["default"]);
    const fresh = await claim("1", other);
    expect(fresh.attempt).toBe(2);
    await expect(succeedJob(stack.pool, stale, { sum: 13 }, artifact)).rejects.toThrow("attempt 1 no longer holds it");
    await expect(failJob(stack.pool, stale, { code: "x", message: "x" }, 1)).rejects.toThrow(Fenced);
    await expect(handBackJob(stack.pool, stale)).rejects.toThrow(Fenced);
    expect(await rows("SELECT * FROM artifacts")).toEqual([]);
    await succeedJob(stack.pool, fresh, { sum: 1 }, undefined);
    await expect(succeedJob(stack.pool, fresh, { sum: 2 }, undefined)).rejects.toThrow(Fenced);
    expect(await readJob(stack.pool, "default", "1")).toMatchObject({ state: "succeeded", result: { sum: 1 } });
  });

  it("queues a failed job again after its delay, with a wake-up of its own", async () => {
    await insertJob(stack.pool, job("1"));
    await failJob(stack.pool, await claim("1"), { code: "boom", message: "no" }, 5000);
    expect(await readJob(stack.pool, "default", "1")).toMatchObject({
      state: "retrying",
      error: { code: "boom", message: "no" },
    });
    expect(await rows("SELECT attempt, run_at > now() + interval '3 s' AS later FROM outbox ORDER BY id")).toEqual([
      { attempt: 0, later: false },
      { attempt: 1, later: true },
    ]);
  });

  it("ends as dead without a next attempt", async () => {
    await insertJob(stack.pool, job("1"));
    await failJob(stack.pool, await claim("1"), { code: "boom", message: "no" }, undefined);
    const dead = await readJob(stack.pool, "default", "1");
    expect(dead).toMatchObject({ state: "dead" });
    expect(dead?.finishedAt).toBeInstanceOf(Date);
    expect(await claimJob(stack.pool, "1", worker)).toEqual({ outcome: "gone" });
  });

  it("hands a job back without counting a failure", async () => {
    await insertJob(stack.pool, job("1"));
    await handBackJob(stack.pool, await claim("1"));
    expect(await claim("1")).toMatchObject({ attempt: 2, failures: 0 });
  });
});

describe("take-over", () => {
  it("leaves the jobs of living workers alone", async () => {
    await insertJob(stack.pool, job("1"));
    await claim("1");
    expect(await pulse(stack.pool, worker)).toEqual({
      oldest: "1",
      orphans: false,
      alive: true,
      held: 1,
      cancelled: [],
    });
    expect(await takeOver(stack.pool)).toBe(0);
  });

  it("queues the jobs of a dead worker again, once, however many try", async () => {
    for (const id of ["1", "2", "3"]) {
      await insertJob(stack.pool, job(id));
      await claim(id);
    }
    await stack.pool.query("DELETE FROM outbox");
    await expire(worker);
    expect(await pulse(stack.pool, undefined)).toMatchObject({ orphans: true });
    const taken = await Promise.all(Array.from({ length: 4 }, () => takeOver(stack.pool)));
    expect(taken.reduce((sum, n) => sum + n, 0)).toBe(3);
    expect(await rows("SELECT job_id, attempt FROM outbox ORDER BY job_id")).toEqual([
      { job_id: "1", attempt: 1 },
      { job_id: "2", attempt: 1 },
      { job_id: "3", attempt: 1 },
    ]);
    expect(await pulse(stack.pool, worker)).toMatchObject({ orphans: false, alive: false });
  });

  it("gives up a job that keeps killing its worker", async () => {
    await insertJob(stack.pool, job("1"));
    for (let i = 0; i < MAX_LOSSES; i += 1) {
      const mortal = await registerWorker(stack.pool, "mortal", ["default"]);
      await claim("1", mortal);
      await expire(mortal);
      await takeOver(stack.pool);
    }
    expect(await readJob(stack.pool, "default", "1")).toMatchObject({
      state: "dead",
      error: { code: "worker-lost" },
      attempt: MAX_LOSSES,
    });
  });
});
