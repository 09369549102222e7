import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { until } from "../test/servers/programs.ts";
import { startStack, type TestStack } from "../test/servers/stack.ts";
import { createCoalescer, Overloaded } from "./coalesce.ts";
import { createJobWriter } from "./store.ts";

let stack: TestStack;
beforeAll(async () => {
  stack = await startStack();
});
afterAll(() => stack.close());
beforeEach(() => stack.reset());

/** Doubles numbers when it is told to go on, and keeps the calls. */
function doubler(options: { inFlight?: number; maxWaitingBytes?: number; maxBytes?: number } = {}) {
  const calls: { readonly items: readonly number[]; readonly go: (error?: Error) => void }[] = [];
  const coalescer = createCoalescer<number, number>({
    ...{ what: "doubling", maxItems: 3, weigh: (n: number) => n },
    work: (items) =>
      new Promise((resolve, reject) => {
        const go = (error?: Error) => {
          if (error) reject(error);
          else resolve(items.map((n) => 2 * n));
        };
        calls.push({ items, go });
      }),
    ...options,
  });
  return { coalescer, calls, taken: () => calls.map((call) => call.items) };
}

describe("a coalescer", () => {
  it("gathers what comes while a call is under way, in order, up to its size", async () => {
    const { coalescer, calls, taken } = doubler();
    const first = [1, 2].map((n) => coalescer.add(n));
    await until("the first call", () => calls.length === 1);
    const later = [3, 4, 5, 6].map((n) => coalescer.add(n));
    calls[0]?.go();
    await until("the second call", () => calls.length === 2);
    calls[1]?.go();
    await until("the third call", () => calls.length === 3);
    calls[2]?.go();
    expect(await Promise.all([...first, ...later])).toEqual([2, 4, 6, 8, 10, 12]);
    expect(taken()).toEqual([[1, 2], [3, 4, 5], [6]]);
    expect(coalescer.waiting()).toBe(0);
  });

  it("never leaves an item lying that comes just as a call ends", async () => {
    for (let hops = 0; hops < 12; hops += 1) {
      const coalescer = createCoalescer<number, number>({ what: "x", maxItems: 9, work: async (items) => items });
      for (let n = 0; n < 3; n += 1) {
        await coalescer.add(n);
        for (let hop = 0; hop < hops; hop += 1) await Promise.resolve();
      }
      expect(coalescer.waiting()).toBe(0);
    }
  });

  it("keeps to its number of calls at once", async () => {
    const { coalescer, calls } = doubler({ inFlight: 2 });
    const all = [1, 2, 3, 4, 5, 6, 7].map((n) => coalescer.add(n));
    await until("two calls", () => calls.length === 2);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(calls).toHaveLength(2);
    calls[1]?.go();
    await until("the third call", () => calls.length === 3);
    for (const call of calls) call.go();
    expect(await Promise.all(all)).toHaveLength(7);
  });

  it("counts bytes: a call closes, and what goes beyond is refused", async () => {
    const { coalescer, calls, taken } = doubler({ maxBytes: 10, maxWaitingBytes: 30 });
    const all = [6, 3, 9, 12].map((n) => coalescer.add(n));
    await expect(coalescer.add(1)).rejects.toThrow(new Overloaded("doubling: 30 bytes wait already, allowed: 30"));
    for (let call = 0; call < 3; call += 1) {
      await until("the next call", () => calls.length > call);
      calls[call]?.go();
    }
    expect(taken()).toEqual([[6, 3], [9], [12]]);
    expect(await Promise.all(all)).toEqual([12, 6, 18, 24]);
  });

  it("tells everybody of a call that failed for no fault of theirs, and goes on", async () => {
    const { coalescer, calls } = doubler();
    const failed = [1, 2].map((n) => coalescer.add(n));
    await until("the call", () => calls.length === 1);
    calls[0]?.go(new Error("connection lost"));
    expect((await Promise.allSettled(failed)).map((s) => s.status)).toEqual(["rejected", "rejected"]);
    const next = coalescer.add(5);
    await until("the next call", () => calls.length === 2);
    calls[1]?.go();
    expect(await next).toBe(10);
  });

  it("answers what waits before it is closed, and nothing after", async () => {
    const { coalescer, calls } = doubler();
    const all = [1, 2, 3, 4].map((n) => coalescer.add(n));
    const closed = coalescer.close();
    await expect(coalescer.add(5)).rejects.toThrow(Overloaded);
    for (let call = 0; call < 2; call += 1) {
      await until("the next call", () => calls.length > call);
      calls[call]?.go();
    }
    await closed;
    expect(await Promise.all(all)).toEqual([2, 4, 6, 8]);
  });
});

it("tells of an insert whose connection was killed half-way: an error, or the job is there", async () => {
  const writer = createJobWriter(stack.pool);
  const answered: string[] = [];
  let failures = 0;
  const killing = { on: true };
  const killer = (async () => {
    while (killing.on) {
      await stack.asSuperuser(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'slipway_app' AND query LIKE '%INTO jobs%'",
      );
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  })();
  const insert = async (id: string) => {
    try {
      const params = { text: "x".repeat(2000) };
      await writer.insert({ id, tenant: "default", kind: "sum", queue: "default", params });
      answered.push(id);
    } catch {
      failures += 1;
    }
  };
  for (let round = 0; round < 40 && (failures === 0 || round < 15); round += 1) {
    await Promise.all(Array.from({ length: 100 }, (_, i) => insert(String(round * 100 + i + 1))));
  }
  killing.on = false;
  await killer;
  const { rows } = await stack.pool.query<{ id: string; woken: boolean }>(
    "SELECT id, EXISTS (SELECT FROM outbox o WHERE o.job_id = jobs.id) AS woken FROM jobs",
  );
  const there = new Set(rows.map((row) => row.id));
  expect(failures).toBeGreaterThan(0);
  expect(answered.filter((id) => !there.has(id))).toEqual([]);
  expect(rows.filter((row) => !row.woken)).toEqual([]);
});
