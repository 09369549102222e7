import { z } from "zod";
import { defineKind } from "../kind.ts";

const sum = z.object({ sum: z.number() });

/** Adds up the sums of a batch. Members that did not succeed are counted and left out. */
export default defineKind({
  name: "total",
  params: z.strictObject({}),
  result: z.strictObject({
    sum: z.number(),
    /** Members whose sums are in it. */
    counted: z.int().min(0),
    /** Members that have none. */
    missing: z.int().min(0),
  }),
  queue: "default",
  retry: { maxAttempts: 3, delayMs: 1000 },
  timeoutMs: 60_000,
  handler: async (context) => {
    const total = { sum: 0, counted: 0, missing: 0 };
    for await (const { state, result } of context.members()) {
      const known = sum.safeParse(result);
      if (state === "succeeded" && known.success) {
        total.sum += known.data.sum;
        total.counted += 1;
      } else total.missing += 1;
    }
    return total;
  },
});
