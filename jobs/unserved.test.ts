import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { startStack, type TestStack } from "../test/servers/stack.ts";
import { createBacklogCounter } from "./backlog.ts";
import { insertJob } from "./store.ts";
import { createUnservedWatch } from "./unserved.ts";

let stack: TestStack;
beforeAll(async () => {
  stack = await startStack();
});
afterAll(() => stack.close());
beforeEach(async () => {
  await stack.reset();
  await stack.pool.query("DELETE FROM schedules");
});

let id = 1000;
async function make(queue: string): Promise<void> {
  id += 1;
  await insertJob(stack.pool, { id: String(id), tenant: "acme", kind: "sum", queue, params: {} });
}

const worker = (queues: string, lease: string) =>
  stack.pool.query(
    `INSERT INTO workers (name, queues, lease_until) VALUES ('one', '{${queues}}', now() + interval '${lease}')`,
  );
const schedule = (name: string, queue: string, due: string, paused = false) =>
  stack.pool.query(
    `INSERT INTO schedules (tenant, name, kind, queue, params, every_seconds, next_at, paused, source)
     VALUES ('acme', '${name}', 'sum', '${queue}', '{}', 60, now() + interval '${due}', ${paused}, 'api')`,
  );

/** What a new watch sees, seconds in tens. */
async function seen(): Promise<(string | number)[][]> {
  const backlog = createBacklogCounter(stack.pool, { perQueue: 100, perTenant: 100 });
  const found = await createUnservedWatch(stack.pool, backlog)();
  return found.map(({ queue, seconds }) => [queue, Math.floor(seconds / 10)]).sort();
}

it("tells of queues with work that may begin and no worker, and since when", async () => {
  await make("gpu");
  await make("default");
  await make("cpu");
  await stack.pool.query("UPDATE jobs SET run_at = now() - interval '95 s' WHERE queue <> 'cpu'");
  await stack.pool.query("UPDATE jobs SET run_at = now() + interval '95 s' WHERE queue = 'cpu'");
  expect(await seen()).toEqual([
    ["default", 9],
    ["gpu", 9],
  ]);
  await worker("default,cpu", "60 s");
  expect(await seen()).toEqual([["gpu", 9]]);
});

it("does not count a worker that is gone", async () => {
  await make("gpu");
  await stack.pool.query("UPDATE jobs SET run_at = now() - interval '95 s'");
  await worker("gpu", "-1 s");
  expect(await seen()).toEqual([["gpu", 9]]);
});

it("counts schedules that are due, as workers fire them, but none that rests", async () => {
  await schedule("late", "maintenance", "-125 s");
  await schedule("later", "maintenance", "-65 s");
  await schedule("resting", "cpu", "-65 s", true);
  await schedule("to come", "default", "65 s");
  expect(await seen()).toEqual([["maintenance", 12]]);
});

it("looks again only after a while, however many ask", async () => {
  const watch = createUnservedWatch(stack.pool, createBacklogCounter(stack.pool, { perQueue: 9, perTenant: 9 }));
  expect(await watch()).toEqual([]);
  await make("gpu");
  expect(await watch()).toEqual([]);
  await sleep(2100);
  expect((await watch()).map(({ queue }) => queue)).toEqual(["gpu"]);
});
