import type { RuntimeConfig } from "../configs/runtime.ts";
import { run, type Queryable } from "../jobs/database.ts";
import type { Logger } from "../jobs/log.ts";
import type { GpuSample } from "./gpu.ts";

const DESCRIBE = {
  name: "worker-describe",
  text: `UPDATE workers SET pool = $2, concurrency = $3, gpus = $4 WHERE name = $1`,
};

/** Writes what a worker is and how its GPUs are beside its lease, for whoever looks at the list of workers. Never throws. */
export function describeWorker(
  db: Queryable,
  log: Logger,
  name: string,
  { WORKER_POOL, WORKER_CONCURRENCY }: RuntimeConfig<"worker">,
): (gpus: readonly GpuSample[]) => Promise<void> {
  return async (gpus) => {
    const shown = gpus.length > 0 ? JSON.stringify(gpus) : null;
    await run(db, DESCRIBE, [name, WORKER_POOL, WORKER_CONCURRENCY, shown]).catch((error: unknown) => {
      log.debug({ err: error }, "the worker's row was not brought up to date");
    });
  };
}
