import { setTimeout as sleep } from "node:timers/promises";
import type { Queryable } from "../../jobs/database.ts";
import type { Failing } from "../../jobs/health.ts";
import type { Logger } from "../../jobs/log.ts";
import { reasonOf } from "../../jobs/patience.ts";
import { busyHosts } from "./busy.ts";
import type { ClusterApi } from "./cluster-api.ts";
import { createMarks, type Change } from "./marks.ts";

/** Pause between two looks, in milliseconds: what became busy since the last one is not marked yet. */
const PAUSE_MS = 2000;

/** Pods changed side by side. */
const AT_ONCE = 8;

export interface MarkingDeps {
  readonly database: Queryable;
  readonly cluster: ClusterApi;
  readonly log: Logger;
  /** Services whose pods are marked. */
  readonly services: readonly string[];
  /** In milliseconds. @default 2000 */
  readonly pauseMs?: number;
}

/** Marks pods until it is told to stop. */
export interface Marking {
  /** Why the last look failed; nothing where it was fine. */
  failing(): readonly Failing[];
  /** Ends after the look under way. Marks stay: another marker goes on from them. */
  close(): Promise<void>;
}

/** Looks again and again who works, and marks their pods. A look that fails changes nothing, and is tried again. */
export function startMarking(deps: MarkingDeps): Marking {
  const stopped = new AbortController();
  const marks = createMarks();
  let failure: string | undefined = "has not looked yet";
  async function look(): Promise<void> {
    try {
      const [busy, pods] = await Promise.all([busyHosts(deps.database), deps.cluster.podsOf(deps.services)]);
      await apply(deps, marks.look(pods, busy, performance.now()));
      failure = undefined;
    } catch (error) {
      const reason = reasonOf(error);
      // Once for each reason: a cluster that does not answer is asked every other second.
      if (reason !== failure) deps.log.warn({ err: error }, `busy workers could not be marked: ${reason}`);
      failure = reason;
    }
  }
  const looking = (async () => {
    while (!stopped.signal.aborted) {
      await look();
      await sleep(deps.pauseMs ?? PAUSE_MS, undefined, { signal: stopped.signal }).catch(() => undefined);
    }
  })();
  return {
    failing: () => (failure === undefined ? [] : [{ dependency: "marking", reason: failure }]),
    close: async () => {
      stopped.abort();
      await looking;
    },
  };
}

/** Changes every one, and only then fails for those that could not be changed: one must not keep the others from their mark. */
async function apply({ cluster, log }: MarkingDeps, changes: readonly Change[]): Promise<void> {
  const rest = [...changes];
  const errors: unknown[] = [];
  const some = async () => {
    for (let next = rest.pop(); next; next = rest.pop()) {
      const { pod, annotations } = next;
      try {
        if (await cluster.annotate(pod, annotations)) log.debug({ pod, annotations }, "marked");
      } catch (error) {
        errors.push(error);
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, changes.length) }, some));
  if (errors.length > 0) throw errors[0];
}
