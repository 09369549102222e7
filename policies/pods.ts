import { at, listAt } from "./checks.ts";
import type { Checked, Holds } from "./rule.ts";
import { UNKNOWN } from "./unknown.ts";

/** The spec of the pods that a workload makes. */
export function podOf({ type, inputs }: Checked): unknown {
  if (type.endsWith(":Pod")) return at(inputs, "spec");
  if (type.endsWith(":CronJob")) return at(inputs, "spec", "jobTemplate", "spec", "template", "spec");
  return at(inputs, "spec", "template", "spec");
}

/** Whether something holds of every container of a workload, and there is one. */
export function everyContainer(path: string, wanted: string, isGood: IsGood): Holds {
  return containers(`${path} of each container`, wanted, isGood, (pod) => [
    ...listAt(pod, "containers"),
    ...listAt(pod, "initContainers"),
  ]);
}

/** The same of its first one, which others stand beside. */
export function ownContainer(path: string, wanted: string, isGood: IsGood): Holds {
  return containers(`${path} of its own container`, wanted, isGood, (pod) => listAt(pod, "containers").slice(0, 1));
}

type IsGood = (container: unknown) => boolean;

function containers(path: string, wanted: string, isGood: IsGood, pick: (pod: unknown) => readonly unknown[]): Holds {
  const holds = (resource: Checked) => {
    const pod = podOf(resource);
    if (pod === UNKNOWN) return true;
    const picked = pick(pod);
    return picked.length > 0 && picked.every((one) => one === UNKNOWN || isGood(one));
  };
  return Object.assign(holds, { asks: { path, wanted } });
}

/** Whether something stands at a path, or will. */
export function stands(value: unknown, ...path: readonly string[]): boolean {
  return at(value, ...path) !== undefined;
}
