import { COST_ANNOTATION, EVICTION_ANNOTATION, type Annotations, type MarkedPod } from "./cluster-api.ts";

/** The cost of a busy worker's pod: any number above 0 would do. */
export const BUSY_COST = "100";

/** What a busy worker's pod says of its eviction: not now. */
export const BUSY_EVICTION = "false";

/**
 * How long a worker has been without a job until its mark goes, in milliseconds. Workers of short jobs are busy and idle many times a
 * second, and every change is a write to the cluster's store.
 */
export const CALM_MS = 10_000;

/** A pod that is to be changed. */
export interface Change {
  readonly pod: string;
  readonly annotations: Annotations;
}

/** What is known of pods from look to look. */
export interface Marks {
  /** What is to be changed. Pods that somebody else gave a cost stay as they are. */
  look(pods: readonly MarkedPod[], busy: ReadonlySet<string>, nowMs: number): Change[];
}

export function createMarks(): Marks {
  /** When each pod was last seen busy. */
  let seen = new Map<string, number>();
  return {
    look: (pods, busy, nowMs) => {
      // One that somebody marked before counts as busy until now: nobody knows since when it is not.
      seen = new Map(pods.map(({ name }) => [name, busy.has(name) ? nowMs : (seen.get(name) ?? nowMs)]));
      return pods.flatMap((pod): Change[] => {
        const { name } = pod;
        const isOver = nowMs - (seen.get(name) ?? nowMs) >= CALM_MS;
        const annotations = busy.has(name) ? markOf(pod) : isOver ? unmarkOf(pod) : {};
        return Object.keys(annotations).length === 0 ? [] : [{ pod: name, annotations }];
      });
    },
  };
}

/** What a busy worker's pod lacks of its mark. */
function markOf({ cost, eviction }: MarkedPod): Annotations {
  // The cost says whose mark it is: nobody would take away what stands beside another's.
  if (cost !== undefined && cost !== BUSY_COST) return {};
  return {
    ...(cost === undefined ? { [COST_ANNOTATION]: BUSY_COST } : {}),
    ...(eviction === undefined ? { [EVICTION_ANNOTATION]: BUSY_EVICTION } : {}),
  };
}

/** What takes our mark away, where a pod has it. */
function unmarkOf({ cost, eviction }: MarkedPod): Annotations {
  if (cost !== BUSY_COST) return {};
  return { [COST_ANNOTATION]: null, ...(eviction === BUSY_EVICTION ? { [EVICTION_ANNOTATION]: null } : {}) };
}
