import { afterAll, beforeAll, expect, it } from "vitest";
import { createTestLog, startStack, type TestStack } from "../test/servers/stack.ts";
import { leaseIds } from "./id-lease.ts";
import { IdRefused } from "./ids.ts";

const { log } = createTestLog();
let stack: TestStack;
beforeAll(async () => {
  stack = await startStack();
});
afterAll(() => stack.close());

function numberOf(id: string): number {
  return Number((BigInt(id) >> 12n) & 0x3ffn);
}

it("gives every process a number of its own", async () => {
  const leases = await Promise.all(Array.from({ length: 8 }, () => leaseIds(stack.pool, log)));
  const ids = leases.flatMap((lease) => Array.from({ length: 50 }, () => lease.next()));
  expect(new Set(ids).size).toBe(400);
  expect(new Set(ids.map(numberOf)).size).toBe(8);
  await Promise.all(leases.map((lease) => lease.close()));
});

it("passes a number on only when the database's clock is past every id made with it", async () => {
  await stack.asSuperuser(
    "DELETE FROM id_leases WHERE number > 0; UPDATE id_leases SET expires_at = '-infinity', holder = NULL",
  );
  const first = await leaseIds(stack.pool, log);
  const before = BigInt(first.next());
  await expect(leaseIds(stack.pool, log)).rejects.toThrow("all 1024 are taken");
  await first.close();
  await new Promise((resolve) => setTimeout(resolve, 50));
  const second = await leaseIds(stack.pool, log);
  const after = second.next();
  expect(numberOf(after)).toBe(0);
  expect(BigInt(after) > before).toBe(true);
  await second.close();
});

it("makes no ids that could outlive its lease", async () => {
  await stack.asSuperuser("UPDATE id_leases SET expires_at = '-infinity', holder = NULL");
  const real = performance.now.bind(performance);
  const lease = await leaseIds(stack.pool, log);
  // As if the last answer of the database were 59 of its 60 seconds old.
  performance.now = () => real() + 59_000;
  try {
    expect(() => lease.next()).toThrow(IdRefused);
  } finally {
    performance.now = real;
  }
  expect(() => lease.next()).not.toThrow();
  await lease.close();
});
