import type { MarkedPod } from "./cluster-api.ts";

/** The cost of a busy worker's pod: any number above 0 would do. */
export const BUSY_COST = "100";

/**
 * How long a worker has been without a job until its mark goes, in milliseconds. Workers of short jobs are busy and idle many times a
 * second, and every change is a write to the cluster's store.
 */
export const CALM_MS = 10_000;

/** A pod whose cost is to change. */
export interface Change {
  readonly pod: string;
  /** `undefined` takes it away. */
  readonly cost: string | undefined;
}

/** What is known of pods from look to look. */
export interface Marks {
  /** What is to be changed. Costs that somebody else gave stay as they are. */
  look(pods: readonly MarkedPod[], busy: ReadonlySet<string>, nowMs: number): Change[];
}

export function createMarks(): Marks {
  /** When each pod was last seen busy. */
  let seen = new Map<string, number>();
  return {
    look: (pods, busy, nowMs) => {
      // One that somebody marked before counts as busy until now: nobody knows since when it is not.
      seen = new Map(pods.map(({ name }) => [name, busy.has(name) ? nowMs : (seen.get(name) ?? nowMs)]));
      return pods.flatMap(({ name, cost }): Change[] => {
        if (busy.has(name)) return cost === undefined ? [{ pod: name, cost: BUSY_COST }] : [];
        const isOver = nowMs - (seen.get(name) ?? nowMs) >= CALM_MS;
        return cost === BUSY_COST && isOver ? [{ pod: name, cost: undefined }] : [];
      });
    },
  };
}
