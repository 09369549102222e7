import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { until } from "../test/servers/programs.ts";
import { startStack, type TestStack } from "../test/servers/stack.ts";
import { createBacklogCounter } from "./backlog.ts";
import { insertJob } from "./store.ts";

let stack: TestStack;
beforeAll(async () => {
  stack = await startStack();
});
afterAll(() => stack.close());
beforeEach(() => stack.reset());

let id = 1000;
async function make(tenant: string, queue = "default"): Promise<void> {
  id += 1;
  await insertJob(stack.pool, { id: String(id), tenant, kind: "sum", queue, params: {} });
}

it("counts what has not ended, by tenant, queue and state", async () => {
  await make("acme");
  await make("acme");
  await make("other", "cpu");
  await stack.pool.query("UPDATE jobs SET run_at = now() - interval '90 s' WHERE tenant = 'other'");
  const { rows } = await createBacklogCounter(stack.pool, { perQueue: 10, perTenant: 10 }).read();
  expect(rows.find((row) => row.tenant === "acme")).toMatchObject({ queue: "default", state: "queued", jobs: 2 });
  expect(rows.find((row) => row.tenant === "other")?.oldestDueSeconds).toBeGreaterThanOrEqual(90);
});

it("refuses what a queue or a tenant has no room for, and takes it when there is room again", async () => {
  const counter = createBacklogCounter(stack.pool, { perQueue: 3, perTenant: 2 });
  const admit = async (tenant: string, jobs = 1) => {
    const full = await counter.admit(tenant, "default", jobs);
    if (!full) for (let n = 0; n < jobs; n += 1) await make(tenant);
    return full?.what;
  };
  await counter.read();
  expect(await admit("acme", 2)).toBeUndefined();
  expect(await admit("acme")).toBe("tenant");
  expect(await admit("other")).toBeUndefined();
  expect(await admit("third")).toBe("queue");
  await stack.pool.query("DELETE FROM jobs");
  await until("there is room", async () => (await admit("third")) === undefined);
});

it("counts once for many who ask, and not at all while nobody does", async () => {
  let counts = 0;
  const counter = createBacklogCounter(
    {
      query: (statement) => {
        counts += 1;
        return stack.pool.query(statement);
      },
    },
    { perQueue: 1e6, perTenant: 1e6 },
  );
  await Promise.all(Array.from({ length: 50 }, () => counter.read()));
  for (let n = 0; n < 1000; n += 1) await counter.admit("acme", "default", 1);
  expect(counts).toBe(1);
});
