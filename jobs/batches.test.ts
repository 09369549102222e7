import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { startStack, type TestStack } from "../test/servers/stack.ts";
import { cancelBatch, insertBatch, MAX_MEMBERS, readBatch, readMembers, type NewBatch } from "./batches.ts";
import { cancelJob, retryJob } from "./lifecycle.ts";
import { readJob } from "./store.ts";

let stack: TestStack;
beforeAll(async () => {
  stack = await startStack();
});
afterAll(() => stack.close());
beforeEach(() => stack.reset());

const AGGREGATE = "999999";
function batch(size: number, rest: Partial<NewBatch> = {}): NewBatch {
  return {
    ...{ id: "500000", tenant: "default", kind: "sum", queue: "cpu", priority: 3, delayMs: 0, onMemberFailure: "fail" },
    members: Array.from({ length: size }, (_, i) => ({ id: String(i + 1), params: { numbers: [i] } })),
    aggregate: { id: AGGREGATE, kind: "sum", queue: "default", params: {} },
    ...rest,
  };
}

async function state(id: string): Promise<string | undefined> {
  return (await readJob(stack.pool, "default", id))?.state;
}

async function waits(): Promise<unknown> {
  const text = "SELECT waits_for, members_failed AS failed FROM jobs WHERE id = $1";
  return (await stack.pool.query(text, [AGGREGATE])).rows[0];
}

describe("a new batch", () => {
  it("has members that may start and an aggregate that waits for them", async () => {
    expect(await insertBatch(stack.pool, batch(3))).toMatchObject({ is: "made" });
    expect(await readBatch(stack.pool, "default", "500000")).toMatchObject({
      ...{ id: "500000", kind: "sum", size: 3, aggregate: { id: AGGREGATE, state: "blocked" } },
      counts: { blocked: 0, queued: 3, active: 0, retrying: 0, succeeded: 0, dead: 0, cancelled: 0 },
    });
    expect(await readJob(stack.pool, "default", "2")).toMatchObject({ batchId: "500000", position: 1, priority: 3 });
    const { rows } = await stack.pool.query("SELECT job_id, queue FROM outbox ORDER BY job_id");
    expect(rows).toEqual(["1", "2", "3"].map((job_id) => ({ job_id, queue: "cpu" })));
    expect(await readBatch(stack.pool, "other", "500000")).toBeUndefined();
  });

  it("needs no aggregate", async () => {
    await insertBatch(stack.pool, batch(2, { aggregate: undefined }));
    expect(await readBatch(stack.pool, "default", "500000")).toMatchObject({ aggregate: undefined, size: 2 });
  });

  it("is made once under its key", async () => {
    const idempotency = { key: "k", fingerprint: Buffer.from("a") };
    await insertBatch(stack.pool, batch(1, { idempotency }));
    const again = batch(1, { id: "500001", members: [{ id: "7", params: {} }], aggregate: undefined, idempotency });
    expect(await insertBatch(stack.pool, again)).toEqual({ is: "known", id: "500000" });
    const other = { ...again, idempotency: { key: "k", fingerprint: Buffer.from("b") } };
    expect(await insertBatch(stack.pool, other)).toEqual({ is: "conflict" });
    expect(await readJob(stack.pool, "default", "7")).toBeUndefined();
  });

  it("is made whole or not at all", async () => {
    const twice = [
      { id: "1", params: {} },
      { id: "1", params: {} },
    ];
    await expect(insertBatch(stack.pool, batch(0, { members: twice }))).rejects.toThrow(/duplicate key/);
    await expect(insertBatch(stack.pool, batch(0))).rejects.toThrow("got 0 members, allowed: 1 to 10000");
    await expect(insertBatch(stack.pool, batch(MAX_MEMBERS + 1))).rejects.toThrow(/got 10001 members/);
    for (const table of ["jobs", "batches", "outbox", "dependencies"]) {
      expect((await stack.pool.query(`SELECT * FROM ${table}`)).rows).toEqual([]);
    }
  });
});

describe("cancelling", () => {
  it("one member kills the aggregate when all have ended, and a retry brings it back", async () => {
    await insertBatch(stack.pool, batch(2));
    expect(await cancelJob(stack.pool, "other", "1")).toEqual({ is: "unknown" });
    expect(await cancelJob(stack.pool, "default", "1")).toEqual({ is: "cancelled" });
    expect(await cancelJob(stack.pool, "default", "1")).toEqual({ is: "ended", state: "cancelled" });
    expect([await state(AGGREGATE), await waits()]).toEqual(["blocked", { waits_for: 1, failed: 1 }]);
    await cancelJob(stack.pool, "default", "2");
    expect(await readJob(stack.pool, "default", AGGREGATE)).toMatchObject({
      ...{ state: "dead", error: { code: "member-failed", message: "members of the batch that did not succeed: 2" } },
    });
    expect(await retryJob(stack.pool, "default", AGGREGATE)).toEqual({ is: "member-failed" });
    expect(await retryJob(stack.pool, "other", "1")).toEqual({ is: "unknown" });
    expect(await retryJob(stack.pool, "default", "1")).toEqual({ is: "queued", state: "queued" });
    expect(await retryJob(stack.pool, "default", "1")).toEqual({ is: "not-ended", state: "queued" });
    expect([await state(AGGREGATE), await waits()]).toEqual(["blocked", { waits_for: 1, failed: 1 }]);
  });

  it("all members starts an aggregate that runs with what there is", async () => {
    await insertBatch(stack.pool, batch(2, { onMemberFailure: "continue" }));
    await stack.pool.query("DELETE FROM outbox");
    await Promise.all(["1", "2"].map((id) => cancelJob(stack.pool, "default", id)));
    expect(await state(AGGREGATE)).toBe("queued");
    expect((await stack.pool.query("SELECT job_id, queue FROM outbox")).rows).toEqual([
      { job_id: AGGREGATE, queue: "default" },
    ]);
    expect((await readMembers(stack.pool, AGGREGATE, -1)).map((m) => [m.position, m.state])).toEqual([
      [0, "cancelled"],
      [1, "cancelled"],
    ]);
  });

  it("an aggregate alone leaves its members, and a retry lets it wait for them again", async () => {
    await insertBatch(stack.pool, batch(2));
    expect(await cancelJob(stack.pool, "default", AGGREGATE)).toEqual({ is: "cancelled" });
    await cancelJob(stack.pool, "default", "1");
    await retryJob(stack.pool, "default", "1");
    expect([await state(AGGREGATE), await waits()]).toEqual(["cancelled", { waits_for: 2, failed: 0 }]);
    expect(await retryJob(stack.pool, "default", AGGREGATE)).toEqual({ is: "queued", state: "blocked" });
  });

  it("a batch cancels all of it at once, and only once", async () => {
    await insertBatch(stack.pool, batch(3));
    expect(await cancelBatch(stack.pool, "other", "500000")).toEqual({ is: "unknown" });
    await cancelJob(stack.pool, "default", "1");
    expect(await cancelBatch(stack.pool, "default", "500000")).toEqual({ is: "cancelled", cancelled: 2, requested: 0 });
    expect(await readBatch(stack.pool, "default", "500000")).toMatchObject({
      ...{ aggregate: { state: "cancelled" }, counts: { cancelled: 3 } },
    });
    expect(await waits()).toEqual({ waits_for: 0, failed: 3 });
    expect(await cancelBatch(stack.pool, "default", "500000")).toEqual({ is: "ended" });
  });
});
