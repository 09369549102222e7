import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { defineKind } from "../../../jobs/kind.ts";

/** Adds numbers, after a while, and fails at its first attempts where it is told to. It gives up late: what the harness kills is no fault of it. */
export default defineKind({
  name: "sum",
  params: z.strictObject({
    numbers: z.array(z.number()).max(100),
    holdMs: z.int().min(0).max(10_000).default(0),
    failures: z.int().min(0).max(3).default(0),
  }),
  result: z.strictObject({ sum: z.number() }),
  queue: "default",
  retry: { maxAttempts: 1000, delayMs: 100 },
  timeoutMs: 15_000,
  aggregate: "total",
  handler: async ({ signal, attempt }, { numbers, holdMs, failures }) => {
    if (holdMs > 0) await sleep(holdMs, undefined, { signal });
    if (attempt <= failures) throw new Error(`fails at its first ${failures} attempts; this is number ${attempt}`);
    return { sum: numbers.reduce((total, number) => total + number, 0) };
  },
});
