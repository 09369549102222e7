import { z } from "zod";
import { defineKind } from "../kind.ts";

/** Adds numbers: the smallest job there is, and the one to copy. */
export default defineKind({
  name: "sum",
  params: z.strictObject({ numbers: z.array(z.number()).max(10_000) }),
  result: z.strictObject({ sum: z.number() }),
  queue: "default",
  retry: { maxAttempts: 3, delayMs: 1000 },
  timeoutMs: 10_000,
  aggregate: "total",
  handler: async (_context, { numbers }) => ({ sum: numbers.reduce((total, number) => total + number, 0) }),
});
