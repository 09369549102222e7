import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { insertJob } from "../../jobs/store.ts";
import { startStack, type TestStack } from "../../test/servers/stack.ts";
import { jobQuery } from "./autoscaling.ts";

/** The query that KEDA asks, on a real Postgres with the product's own migrations; KEDA itself is not here. */
let stack: TestStack;
beforeAll(async () => {
  stack = await startStack();
});
afterAll(() => stack.close());
beforeEach(() => stack.reset());

let id = 1000;
async function make(queue: string, change = ""): Promise<void> {
  id += 1;
  await insertJob(stack.pool, { id: String(id), tenant: "acme", kind: "sum", queue, params: {} });
  if (change !== "") await stack.pool.query(`UPDATE jobs SET ${change} WHERE id = ${id}`);
}

async function asked(...queues: readonly string[]): Promise<number> {
  const { rows } = await stack.pool.query<Record<string, string>>(jobQuery(queues));
  return Number(Object.values(rows[0] ?? {})[0]);
}

describe("the number that KEDA reads", () => {
  it("counts what is due or runs, in these queues alone", async () => {
    expect(await asked("default", "cpu")).toBe(0);
    await make("default");
    await make("cpu", "state = 'retrying', run_at = now() - interval '1 s'");
    await make("cpu", "state = 'active', worker = 1");
    await make("gpu");
    expect(await asked("default", "cpu")).toBe(3);
    expect(await asked("gpu")).toBe(1);
  });

  it("does not count what is delayed, waits for others or has ended", async () => {
    await make("default", "run_at = now() + interval '1 h'");
    await make("default", "state = 'retrying', run_at = now() + interval '1 h'");
    for (const state of ["blocked", "succeeded", "dead", "cancelled"]) await make("default", `state = '${state}'`);
    expect(await asked("default")).toBe(0);
  });

  it("counts a schedule that is due, as only a worker fires it", async () => {
    const schedule = (name: string, next: string, paused: boolean) =>
      stack.pool.query(
        `INSERT INTO schedules (tenant, name, kind, queue, params, every_seconds, next_at, paused, source)
         VALUES ('acme', $1, 'sum', 'maintenance', '{}', 60, now() + $2::interval, $3, 'api')`,
        [name, next, paused],
      );
    await schedule("due", "-1 s", false);
    await schedule("later", "1 h", false);
    await schedule("paused", "-1 s", true);
    expect(await asked("maintenance")).toBe(1);
    expect(await asked("default")).toBe(0);
    await stack.pool.query("DELETE FROM schedules WHERE tenant = 'acme'");
  });
});
