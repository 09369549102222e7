import { afterAll, beforeAll, expect, it } from "vitest";
import { startStack, type TestStack } from "../test/servers/stack.ts";
import { cancelBatch, insertBatch } from "./batches.ts";
import { cancelJob, retryJob } from "./lifecycle.ts";

let stack: TestStack;
beforeAll(async () => {
  stack = await startStack();
});
afterAll(() => stack.close());

const MEMBERS = Array.from({ length: 10 }, (_, n) => String(n + 1));
const [AGGREGATE, BATCH] = ["11", "12"];
const ROUNDS = 30;

async function makeBatch(): Promise<void> {
  await insertBatch(stack.pool, {
    ...{ id: BATCH, tenant: "acme", kind: "sum", queue: "default", priority: 0, delayMs: 0, onMemberFailure: "fail" },
    members: MEMBERS.map((id) => ({ id, params: {} })),
    aggregate: { id: AGGREGATE, kind: "total", queue: "default", params: {} },
  });
}

/** What the aggregate counts, and what there is to count. */
async function counts() {
  const { rows } = await stack.pool.query<Record<string, number>>(
    `SELECT waits_for, members_failed,
       (SELECT count(*)::int FROM jobs WHERE batch_id = $1 AND position IS NOT NULL AND state = 'queued') AS open,
       (SELECT count(*)::int FROM jobs WHERE batch_id = $1 AND position IS NOT NULL AND state = 'cancelled') AS cancelled
     FROM jobs WHERE id = $2`,
    [BATCH, AGGREGATE],
  );
  return rows[0];
}

it("keeps count and fails nobody when members and batch are cancelled and retried at the same moment", async () => {
  await makeBatch();
  for (let round = 0; round < ROUNDS; round += 1) {
    await Promise.all([
      cancelBatch(stack.pool, "acme", BATCH),
      ...MEMBERS.flatMap((id) => [cancelJob(stack.pool, "acme", id), retryJob(stack.pool, "acme", id)]),
      cancelBatch(stack.pool, "acme", BATCH),
    ]);
    const seen = await counts();
    expect([seen?.["waits_for"], seen?.["members_failed"]]).toEqual([seen?.["open"], seen?.["cancelled"]]);
  }
});
