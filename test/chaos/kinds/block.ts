import { z } from "zod";
import { defineKind } from "../../../jobs/kind.ts";

/** Blocks the event loop of its place on its first attempt: only the end of the place helps. */
export default defineKind({
  name: "block",
  params: z.strictObject({ blockMs: z.int().min(0).max(60_000) }),
  result: z.strictObject({ sum: z.number() }),
  queue: "default",
  retry: { maxAttempts: 1000, delayMs: 100 },
  timeoutMs: 1000,
  handler: async ({ attempt }, { blockMs }) => {
    if (attempt === 1) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, blockMs);
    return { sum: blockMs };
  },
});
