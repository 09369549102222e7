import type { JobContext, Upkeep } from "../jobs/kind.ts";
import { createInlineRunner } from "./inline-runner.ts";
import type { PerformDeps } from "./perform-work.ts";
import type { JobRunner } from "./runner.ts";

export interface UpkeepRunnerDeps extends Omit<PerformDeps, "engines" | "upkeep"> {
  readonly upkeep: Upkeep;
}

const NO_ENGINES: JobContext["engines"] = {
  speech: {
    name: "none",
    speak: async () => Promise.reject(new Error("kinds that work on the product itself have no engines")),
    check: async () => undefined,
  },
};

/**
 * Runs kinds that work on the product itself in this process, and all others in the pool.
 *
 * The pool's places have no database, on purpose: handlers are other people's code. Work on the product waits for the database
 * most of its time, so that it disturbs nobody here, and it needs no messages of its own between worker and place.
 */
export function createUpkeepRunner(pool: JobRunner, deps: UpkeepRunnerDeps): JobRunner {
  const here = createInlineRunner({ ...deps, engines: NO_ENGINES });
  return {
    run: (work, host, signal) => (deps.kinds.get(work.kind)?.upkeep === true ? here : pool).run(work, host, signal),
    close: async () => {
      await Promise.all([here.close(), pool.close()]);
    },
  };
}
