import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { startStack, type TestStack } from "../test/servers/stack.ts";
import { claimJob, claimJobs, endAttempts, failJob, succeedJob, type AttemptEnd, type Claim } from "./attempts.ts";
import { cancelBatch, insertBatch, MAX_MEMBERS, readBatch, readMembers } from "./batches.ts";
import { cancelJob, retryJob } from "./lifecycle.ts";
import { readJob } from "./store.ts";
import { abandonJobs, handBackStrays, pulse, registerWorker } from "./worker-lease.ts";

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

async function make(size: number, onMemberFailure: "fail" | "continue" = "fail", number = 1): Promise<string[]> {
  const base = number * 100_000;
  const ids = Array.from({ length: size }, (_, i) => String(base + i + 1));
  await insertBatch(stack.pool, {
    ...{ id: String(base), tenant: "default", kind: "sum", queue: "cpu", priority: 0, delayMs: 0, onMemberFailure },
    members: ids.map((id, i) => ({ id, params: { numbers: [i] } })),
    aggregate: { id: aggregateOf(number), kind: "sum", queue: "default", params: {} },
  });
  return ids;
}

function aggregateOf(number = 1): string {
  return String(number * 100_000 + 99_999);
}

async function claim(id: string): Promise<Claim> {
  const outcome = await claimJob(stack.pool, id, worker);
  if (outcome.outcome !== "claimed") throw new Error(`job ${id} was not claimed: ${outcome.outcome}`);
  return outcome.claim;
}

function success(of: Claim): AttemptEnd {
  return { claim: of, outcome: "succeeded", result: { sum: 1 }, artifact: undefined };
}

async function state(id = aggregateOf()): Promise<string | undefined> {
  return (await readJob(stack.pool, "default", id))?.state;
}

async function wakeUps(id: string): Promise<number> {
  return (await stack.pool.query("SELECT FROM outbox WHERE job_id = $1", [id])).rows.length;
}

const failure = { code: "boom", message: "no" };

it("starts the aggregate once, when two workers commit the last two members at the same moment", async () => {
  for (let number = 1; number <= 30; number += 1) {
    const ids = await make(2, number % 2 ? "fail" : "continue", number);
    const claims = await Promise.all(ids.map(claim));
    const first = success(claims[0] ?? (await claim("none")));
    const second = claims[1] ?? (await claim("none"));
    const fails = number % 3 === 0;
    await Promise.all([
      endAttempts(stack.pool, [first]),
      fails ? failJob(stack.pool, second, failure, undefined) : endAttempts(stack.pool, [success(second)]),
    ]);
    const dead = fails && number % 2 === 1;
    expect([number, await state(aggregateOf(number))]).toEqual([number, dead ? "dead" : "queued"]);
    expect(await wakeUps(aggregateOf(number))).toBe(dead ? 0 : 1);
  }
});

it("does not lose itself in locks when ends and cancellations cross", async () => {
  const all = [await make(20, "continue", 1), await make(20, "continue", 2), await make(20, "continue", 3)];
  const claims = await Promise.all(all.flat().map(claim));
  const mixed = [0, 1, 2, 3].map((part) => claims.filter((_, i) => i % 4 === part).toReversed());
  await Promise.all([
    ...mixed.map((part) => endAttempts(stack.pool, part.map(success))),
    ...[1, 2, 3].map((number) => cancelBatch(stack.pool, "default", String(number * 100_000))),
    ...all.flat().map((id) => cancelJob(stack.pool, "default", id)),
  ]);
  const { rows } = await stack.pool.query("SELECT DISTINCT waits_for, state FROM jobs WHERE position IS NULL");
  expect(rows.filter((row: { waits_for: number }) => row.waits_for !== 0)).toEqual([]);
});

it("waits through retries, losses and hand-backs of a member", async () => {
  const [one = "", two = ""] = await make(2);
  await succeedJob(stack.pool, await claim(one), { sum: 1 }, undefined);
  await failJob(stack.pool, await claim(two), failure, 0);
  expect([await state(two), await state()]).toEqual(["retrying", "blocked"]);
  await claim(two);
  expect(await abandonJobs(stack.pool, worker)).toBe(1);
  expect([await state(two), await state()]).toEqual(["queued", "blocked"]);
  await claim(two);
  await stack.pool.query("UPDATE jobs SET started_at = now() - interval '6 s' WHERE id = $1", [two]);
  expect(await handBackStrays(stack.pool, worker, [])).toBe(1);
  expect([await state(two), await state()]).toEqual(["queued", "blocked"]);
  await failJob(stack.pool, await claim(two), failure, undefined);
  expect(await state()).toBe("dead");
  await retryJob(stack.pool, "default", two);
  expect(await state()).toBe("blocked");
  await succeedJob(stack.pool, await claim(two), { sum: 2 }, undefined);
  expect(await state()).toBe("queued");
  expect((await readMembers(stack.pool, aggregateOf(), -1)).map((m) => [m.position, m.state, m.result])).toEqual([
    [0, "succeeded", { sum: 1 }],
    [1, "succeeded", { sum: 2 }],
  ]);
});

it("cancels what runs through its worker's heartbeat, whatever the attempt comes to", async () => {
  const [one = "", two = "", three = ""] = await make(3, "continue");
  const claims = [await claim(one), await claim(two)];
  await cancelJob(stack.pool, "default", three);
  expect(await cancelBatch(stack.pool, "default", "100000")).toEqual({ is: "cancelled", cancelled: 0, requested: 2 });
  expect((await pulse(stack.pool, worker)).cancelled.toSorted()).toEqual([one, two]);
  expect(await readJob(stack.pool, "default", one)).toMatchObject({ state: "active", cancelRequested: true });
  await failJob(stack.pool, claims[0] ?? (await claim("none")), failure, 0);
  await succeedJob(stack.pool, claims[1] ?? (await claim("none")), {}, undefined);
  expect([await state(one), await state(two), await state()]).toEqual(["cancelled", "succeeded", "cancelled"]);
  expect((await pulse(stack.pool, worker)).cancelled).toEqual([]);
});

it("has an active aggregate stopped with its batch", async () => {
  const [one = ""] = await make(1);
  await succeedJob(stack.pool, await claim(one), {}, undefined);
  await claim(aggregateOf());
  expect(await cancelBatch(stack.pool, "default", "100000")).toEqual({ is: "cancelled", cancelled: 0, requested: 0 });
  expect((await pulse(stack.pool, worker)).cancelled).toEqual([aggregateOf()]);
});

it("shows the progress of the attempt that holds the job, and of no other", async () => {
  const [one = ""] = await make(1);
  await claim(one);
  const note = { jobId: one, attempt: 1, progress: { percent: 40, message: "half-way" } };
  await pulse(stack.pool, worker, [note]);
  expect(await readJob(stack.pool, "default", one)).toMatchObject({ progress: { percent: 40, message: "half-way" } });
  await abandonJobs(stack.pool, worker);
  await claim(one);
  await pulse(stack.pool, worker, [note]);
  expect((await readJob(stack.pool, "default", one))?.progress).toBeUndefined();
});

it(`carries ${MAX_MEMBERS} members, and reads them page by page`, async () => {
  const ids = await make(MAX_MEMBERS);
  for (let from = 0; from < ids.length; from += 1000) {
    const outcomes = await claimJobs(stack.pool, ids.slice(from, from + 1000), worker);
    const ends = outcomes.flatMap((o) => (o.outcome === "claimed" ? [success(o.claim)] : []));
    expect((await endAttempts(stack.pool, ends)).committed.every(Boolean)).toBe(true);
  }
  expect(await state()).toBe("queued");
  expect(await readBatch(stack.pool, "default", "100000")).toMatchObject({ counts: { succeeded: MAX_MEMBERS } });
  let read = 0;
  for (let after = -1; ;) {
    const page = await readMembers(stack.pool, aggregateOf(), after);
    expect(page.map((m) => m.position)).toEqual(page.map((_, i) => after + 1 + i));
    after = page.at(-1)?.position ?? after;
    read += page.length;
    if (page.length === 0) break;
  }
  expect(read).toBe(MAX_MEMBERS);
});
