import { z } from "zod";
import { defineKind, PermanentFailure } from "../kind.ts";
import { sweep } from "../sweeping.ts";

/** A day is longer than any attempt may take. */
const KEPT = { retentionDays: 30, orphanHours: 24 };

const count = z.int().min(0);

/** Takes away what nobody needs any more: expired keys, jobs that ended long ago, files that no job has. */
export default defineKind({
  name: "sweep",
  params: z.strictObject({
    /** How long ended jobs and batches are kept. */
    retentionDays: z.number().min(1).max(3650),
    /** How old a file has to be before it counts as nobody's. */
    orphanHours: z.number().min(1).max(8760),
    /** Whether to look for files that no job has: each file of the store is looked at. */
    walk: z.boolean(),
  }),
  result: z.strictObject({
    idempotencyKeys: count,
    nonces: count,
    batches: count,
    jobs: count,
    artifacts: count,
    orphans: count,
    unfinished: count,
  }),
  queue: "maintenance",
  retry: { maxAttempts: 3, delayMs: 60_000, backoff: "exponential" },
  timeoutMs: 3_000_000,
  upkeep: true,
  schedules: [
    { name: "sweep", cron: "17 * * * *", params: { ...KEPT, walk: false } },
    { name: "sweep-files", cron: "43 3 * * *", params: { ...KEPT, walk: true } },
  ],
  handler: async ({ upkeep, log, signal }, params) => {
    if (!upkeep) throw new PermanentFailure("no-database", "sweep runs in the worker's own process only");
    const swept = await sweep({ ...upkeep, ...params, log, signal });
    log.info(swept, "swept");
    return swept;
  },
});
