import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import { startStack, type TestStack } from "../test/servers/stack.ts";
import { createLease } from "./leases.ts";

let stack: TestStack;
beforeAll(async () => {
  stack = await startStack();
});
afterAll(() => stack.close());
beforeEach(() => stack.pool.query("DELETE FROM leases"));

const realNow = performance.now.bind(performance);
afterEach(() => {
  performance.now = realNow;
});

it("goes to one of many that ask at once, and to another when it is given up", async () => {
  const leases = Array.from({ length: 8 }, () => createLease(stack.pool, "work"));
  const held = await Promise.all(leases.map((lease) => lease.hold()));
  expect(held.filter(Boolean)).toHaveLength(1);
  await leases[held.indexOf(true)]?.release();
  const after = await Promise.all(leases.map((lease) => lease.hold()));
  expect(after.filter(Boolean)).toHaveLength(1);
});

it("is kept by renewing and lost by standing still", async () => {
  let now = 0;
  performance.now = () => now;
  const [mine, other] = [createLease(stack.pool, "work"), createLease(stack.pool, "work")];
  for (let round = 0; round < 3; round += 1) {
    expect(await mine.hold()).toBe(true);
    const [row] = await stack.asSuperuser("SELECT expires_at > now() + interval '10 s' AS renewed FROM leases");
    expect(row?.["renewed"]).toBe(true);
    await stack.asSuperuser("UPDATE leases SET expires_at = now() + interval '5 s'");
    expect(await other.hold()).toBe(false);
    now += 5000;
  }
  // As if nothing was heard of the holder until its time was over.
  await stack.asSuperuser("UPDATE leases SET expires_at = now() - interval '1 ms'");
  expect(await other.hold()).toBe(true);
  expect(await mine.hold()).toBe(false);
  // Giving up what one does not have takes it from nobody.
  await mine.release();
  expect(await createLease(stack.pool, "work").hold()).toBe(false);
});

it("asks the database only when a third of its time is over", async () => {
  let asked = 0;
  let now = 0;
  performance.now = () => now;
  const lease = createLease({ query: (statement) => ((asked += 1), stack.pool.query(statement)) }, "work", 9000);
  for (; now < 9000; now += 500) expect(await lease.hold()).toBe(true);
  expect(asked).toBe(3);
});

it("of another name is another one", async () => {
  expect(await createLease(stack.pool, "a").hold()).toBe(true);
  expect(await createLease(stack.pool, "b").hold()).toBe(true);
});
