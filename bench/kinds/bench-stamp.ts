import { z } from "zod";
import { defineKind } from "../../jobs/kind.ts";

/** Tells when its handler began: what is measured is the way from a request to this line. Only benchmarks bundle it. */
export default defineKind({
  name: "bench-stamp",
  params: z.strictObject({ sentAt: z.number() }),
  result: z.strictObject({ startedAt: z.number() }),
  queue: "default",
  retry: { maxAttempts: 1, delayMs: 0 },
  timeoutMs: 10_000,
  handler: async () => ({ startedAt: performance.timeOrigin + performance.now() }),
});
