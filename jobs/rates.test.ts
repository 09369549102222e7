import { afterAll, beforeAll, expect, it } from "vitest";
import { startStack, type TestStack } from "../test/servers/stack.ts";
import { idAt } from "./ids.ts";
import { readRates } from "./rates.ts";

let stack: TestStack;
beforeAll(async () => {
  stack = await startStack();
});
afterAll(async () => {
  await stack.close();
});

const NOW = Date.UTC(2026, 10, 29, 12);
const AGO = (seconds: number) => `${BigInt(idAt(NOW - seconds * 1000)) + BigInt(++made)}`;
let made = 0;

/** A job that was made so many seconds ago and that took so long, or that has not ended. */
async function job(kind: string, secondsAgo: number, took?: number, attempt = 1): Promise<void> {
  const times =
    took === undefined
      ? "'queued', 0, NULL, NULL"
      : `'succeeded', ${attempt}, timestamptz '2026-11-29', timestamptz '2026-11-29' + interval '${took} s'`;
  await stack.asSuperuser(
    `INSERT INTO jobs (id, kind, queue, params, state, attempt, started_at, finished_at) VALUES (${AGO(secondsAgo)}, '${kind}', 'cpu', '{}', ${times})`,
  );
}

it("says of each kind how many came, on average and at their busiest, and how long they took", async () => {
  for (const seconds of [10, 20, 30]) await job("speech", seconds, 2);
  await job("speech", 3000, 6, 3);
  await job("sum", 100);
  // Before the hour.
  await job("speech", 3700, 100);
  expect(await readRates(stack.pool, 3600, NOW)).toEqual([
    { kind: "speech", queue: "cpu", jobs: 4, busiest: 3, attempts: 1.5, seconds: 3 },
    { kind: "sum", queue: "cpu", jobs: 1, busiest: 1, attempts: 1, seconds: null },
  ]);
  expect(await readRates(stack.pool, 1, NOW)).toEqual([]);
});
