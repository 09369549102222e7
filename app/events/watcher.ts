import { setTimeout as sleep } from "node:timers/promises";
import type { Queryable } from "../../jobs/database.ts";
import type { Logger } from "../../jobs/log.ts";
import { readSnapshots, type JobSnapshot } from "../../jobs/reads.ts";

/** Pause between looks, in milliseconds. */
const LOOK_EVERY_MS = 300;

/** Somebody who watches a job. */
export interface Watch {
  readonly id: string;
  readonly tenant: string;
  /** Attempts before this one are known already. */
  readonly fromAttempt: () => number;
  readonly onSnapshot: (job: JobSnapshot) => void;
  /** The job is not there any more. */
  readonly onGone: () => void;
}

/** Looks at jobs for many watchers: one statement for all of them, and none while nobody watches. */
export interface Watcher {
  /** @returns what ends the watch */
  watch(watch: Watch): () => void;
  /** Forgets everybody and ends after the look that runs. */
  close(): Promise<void>;
}

export function createWatcher(db: Queryable, log: Logger): Watcher {
  const watches = new Set<Watch>();
  let running: Promise<void> | undefined;
  let failing = false;
  async function look(): Promise<void> {
    const asked = [...watches];
    try {
      const snapshots = await readSnapshots(db, wanted(asked));
      const byJob = new Map(snapshots.map((job) => [job.id, job]));
      for (const watch of asked) {
        if (!watches.has(watch)) continue;
        const job = byJob.get(watch.id);
        if (job) watch.onSnapshot(job);
        else watch.onGone();
      }
      failing = false;
    } catch (error) {
      // Once an outage: streams stay open and go on behind it.
      if (!failing) log.warn({ err: error }, "watched jobs could not be read; tried again until they can");
      failing = true;
    }
  }
  async function loop(): Promise<void> {
    while (watches.size > 0) {
      await look();
      await sleep(LOOK_EVERY_MS);
    }
    running = undefined;
  }
  return {
    watch: (watch) => {
      watches.add(watch);
      running ??= loop();
      return () => watches.delete(watch);
    },
    close: async () => {
      watches.clear();
      await running;
    },
  };
}

/** A job that several watch is read once, from the earliest attempt that one of them has not seen. */
function wanted(watches: readonly Watch[]) {
  const jobs = new Map<string, { id: string; tenant: string; fromAttempt: number }>();
  for (const { id, tenant, fromAttempt } of watches) {
    const known = jobs.get(id);
    const from = Math.min(fromAttempt(), known?.fromAttempt ?? Infinity);
    jobs.set(id, { id, tenant, fromAttempt: Math.max(0, from) });
  }
  return [...jobs.values()];
}
