import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { startStack, type TestStack } from "../test/servers/stack.ts";
import type { Queryable } from "./database.ts";
import type { NewJob } from "./job.ts";
import { createJobWriter, insertJob, Overloaded, readJob } from "./store.ts";

let stack: TestStack;
beforeAll(async () => {
  stack = await startStack();
});
afterAll(() => stack.close());
beforeEach(() => stack.reset());

function job(id: string, rest: Partial<NewJob> = {}): NewJob {
  return { id, tenant: "default", kind: "sum", queue: "default", params: { numbers: [1] }, ...rest };
}

function keyed(id: string, key: string, asked = "a", rest: Partial<NewJob> = {}): NewJob {
  return job(id, { idempotency: { key, fingerprint: Buffer.from(asked) }, ...rest });
}

async function count(table: "jobs" | "outbox"): Promise<number | undefined> {
  return (await stack.pool.query<{ n: number }>(`SELECT count(*)::int AS n FROM ${table}`)).rows[0]?.n;
}

describe("a request key", () => {
  it("makes one job, whatever comes again, and tells another request apart", async () => {
    expect(await insertJob(stack.pool, keyed("1", "k"))).toMatchObject({ is: "made" });
    expect(await insertJob(stack.pool, keyed("2", "k"))).toEqual({ is: "known", id: "1" });
    expect(await insertJob(stack.pool, keyed("3", "k", "b"))).toEqual({ is: "conflict" });
    expect(await insertJob(stack.pool, keyed("4", "k", "b", { tenant: "other" }))).toMatchObject({ is: "made" });
    expect([await count("jobs"), await count("outbox")]).toEqual([2, 2]);
  });

  it("is free again when it has run out", async () => {
    await insertJob(stack.pool, keyed("1", "k"));
    await stack.pool.query("UPDATE idempotency_keys SET expires_at = now() - interval '1 s'");
    expect(await insertJob(stack.pool, keyed("2", "k", "b"))).toMatchObject({ is: "made" });
    expect(await insertJob(stack.pool, keyed("3", "k", "b"))).toEqual({ is: "known", id: "2" });
  });

  it("makes one job of many requests at the same moment, in one statement or in several", async () => {
    const writer = createJobWriter(stack.pool);
    const same = Array.from({ length: 40 }, (_, i) => keyed(String(i + 1), `k${i % 2}`));
    const outcomes = await Promise.all(
      same.map((one, i) => (i < 20 ? writer.insert(one) : insertJob(stack.pool, one))),
    );
    expect(outcomes.filter((o) => o.is === "made")).toHaveLength(2);
    expect(outcomes.filter((o) => o.is === "known")).toHaveLength(38);
    expect(await count("jobs")).toBe(2);
    await writer.close();
  });

  it("is not used up by a job that cannot be made", async () => {
    await expect(insertJob(stack.pool, keyed("1", "k", "a", { priority: -1 }))).rejects.toThrow(/violates check/);
    expect(await insertJob(stack.pool, keyed("2", "k"))).toMatchObject({ is: "made" });
  });
});

describe("the writer", () => {
  it("makes many jobs in few statements", async () => {
    let statements = 0;
    const counted: Queryable = {
      query: (statement) => {
        statements += 1;
        return stack.pool.query(statement);
      },
    };
    const writer = createJobWriter(counted);
    const jobs = Array.from({ length: 600 }, (_, i) => job(String(i + 1), { params: { i, text: `"\\ ${i}` } }));
    const outcomes = await Promise.all(jobs.map((one) => writer.insert(one)));
    expect(outcomes.every((o) => o.is === "made")).toBe(true);
    expect(statements).toBe(3);
    expect([await count("jobs"), await count("outbox"), writer.waiting()]).toEqual([600, 600, 0]);
    expect(await readJob(stack.pool, "default", "600")).toMatchObject({ params: jobs[599]?.params });
  });

  it("refuses what is wrong, and nothing beside it", async () => {
    await insertJob(stack.pool, job("5"));
    const writer = createJobWriter(stack.pool);
    const bad = new Map([
      ["5", job("5")],
      ["7", job("7", { params: { text: "\0" } })],
      ["11", job("11", { priority: -1 })],
      ["x", job("x")],
    ]);
    const ids = [...Array.from({ length: 30 }, (_, i) => String(i + 1)), "x"];
    const settled = await Promise.allSettled(ids.map((id) => writer.insert(bad.get(id) ?? job(id))));
    expect(ids.filter((_, i) => settled[i]?.status === "rejected")).toEqual([...bad.keys()]);
    expect(await count("jobs")).toBe(28);
  });

  it("refuses more than may wait, having done nothing for it, and is open again later", async () => {
    const writer = createJobWriter(stack.pool, { maxWaiting: 3 });
    const settled = await Promise.allSettled(["1", "2", "3", "4"].map((id) => writer.insert(job(id))));
    expect(settled.map((s) => s.status)).toEqual(["fulfilled", "fulfilled", "fulfilled", "rejected"]);
    await expect(Promise.reject((settled[3] as PromiseRejectedResult).reason as Error)).rejects.toThrow(Overloaded);
    expect(await writer.insert(job("5"))).toMatchObject({ is: "made" });
    expect(await count("jobs")).toBe(4);
  });

  it("answers all that it took before it is closed", async () => {
    const writer = createJobWriter(stack.pool);
    const taken = ["1", "2"].map((id) => writer.insert(job(id)));
    const closed = writer.close();
    await expect(writer.insert(job("3"))).rejects.toThrow(/stops/);
    await closed;
    expect((await Promise.all(taken)).map((o) => o.is)).toEqual(["made", "made"]);
  });
});
