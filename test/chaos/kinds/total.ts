import { z } from "zod";
import { defineKind } from "../../../jobs/kind.ts";

const sum = z.object({ sum: z.number() });

/** Adds up the sums of a batch, as the product's own kind of this name does, but gives up late. */
export default defineKind({
  name: "total",
  params: z.strictObject({}),
  result: z.strictObject({ sum: z.number(), counted: z.int(), missing: z.int() }),
  queue: "default",
  retry: { maxAttempts: 1000, delayMs: 100 },
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
