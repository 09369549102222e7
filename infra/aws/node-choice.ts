import type { ProgramSpec } from "../contract.ts";
import type { NodeChoice } from "../kubernetes/surroundings.ts";
import { CAPACITY_LABEL, type PoolPlan } from "../plan/node-pools.ts";

/** Spot nodes repel who does not say this: what cannot go within two minutes. */
const TOLERATES_SPOT = { key: CAPACITY_LABEL, operator: "Equal", value: "spot", effect: "NoSchedule" } as const;

/** Whether a program's pods may be on spot nodes. A worker's jobs go on elsewhere; the API and a migration would be cut. */
export function goesOnSpot({ name }: Pick<ProgramSpec, "name">, pools: readonly PoolPlan[]): boolean {
  const isGpu = name === "worker-gpu";
  const isWorker = isGpu || name === "worker-cpu";
  return isWorker && pools.some(({ capacity, gpu }) => capacity === "spot" && (gpu !== undefined) === isGpu);
}

/** On which of the stack's pools a program's pods run: workers on spot nodes where there are, else anywhere that repels nobody. */
export function nodeChoice(spec: Pick<ProgramSpec, "name">, pools: readonly PoolPlan[]): NodeChoice {
  if (!goesOnSpot(spec, pools)) return {};
  const term = { matchExpressions: [{ key: CAPACITY_LABEL, operator: "In", values: ["spot"] }] };
  return {
    tolerations: [TOLERATES_SPOT],
    // A wish: where spot nodes are not to be had, jobs go on on others.
    affinity: {
      nodeAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 100, preference: term }] },
    },
  };
}
