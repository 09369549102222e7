import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Pool } from "pg";
import { claimJob, endAttempts } from "../../jobs/attempts.ts";
import { createCoalescer } from "../../jobs/coalesce.ts";
import type { Logger } from "../../jobs/log.ts";
import { openObjects } from "../../jobs/objects.ts";
import { leaveWorker, registerWorker } from "../../jobs/worker-lease.ts";
import { runAttempt } from "../../worker/run-attempt.ts";
import { makeSmokeJob, SMOKE_QUEUE, SMOKE_WORKER, smokeWork, waitForSmokeJob } from "../smoke-order.ts";

/**
 * Does one job on a restored database with what a worker does it by: made by the job store, claimed under a lease, ended under its fencing token.
 * Nobody wakes the worker, so that nothing of the database's outbox reaches a Redis, and no other job of it is touched.
 *
 * @throws Error where the job does not come to the right end
 */
export async function doSmokeJob(pool: Pool, log: Logger, signal: AbortSignal): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "slipway-drill-"));
  const worker = await registerWorker(pool, SMOKE_WORKER, [SMOKE_QUEUE]);
  try {
    const id = await makeSmokeJob(pool, log);
    const claimed = await claimJob(pool, id, worker);
    if (claimed.outcome !== "claimed")
      throw new Error(
        `drill: the smoke job is ${claimed.outcome}, must be claimed; the restored database is not whole`,
      );
    const ends = createCoalescer({
      ...{ what: "ending the smoke job", maxItems: 1, inFlight: 1 },
      work: async (list: Parameters<typeof endAttempts>[1]) => (await endAttempts(pool, list)).committed,
    });
    const work = smokeWork(openObjects(pathToFileURL(folder).href), log);
    const running = { claim: claimed.claim, controller: new AbortController(), progress: undefined };
    await runAttempt({ ...work, pool }, ends, running, () => undefined);
    await ends.close();
    await waitForSmokeJob(pool, id, signal);
  } finally {
    await leaveWorker(pool, worker);
    await rm(folder, { recursive: true });
  }
}
