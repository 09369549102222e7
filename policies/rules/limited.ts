import { at, ofEach, value } from "../checks.ts";
import { everyContainer, stands } from "../pods.ts";
import type { Checked, Holds, Rule } from "../rule.ts";
import { DOCKER, WORKLOADS } from "../types.ts";

const limit = (resource: string) =>
  everyContainer(`resources.limits.${resource}`, "given", (one) => stands(one, "resources", "limits", resource));

const isGiven = (found: unknown) => found !== undefined && Number(found) > 0;

/** A container that writes files for a moment and is gone. */
const unlessAttached = (holds: Holds): Holds =>
  Object.assign(
    ((resource: Checked, all) => at(resource.inputs, "attach") === true || holds(resource, all)) satisfies Holds,
    {
      ...(holds.asks && { asks: holds.asks }),
    },
  );

export const limited: Rule = {
  name: "limited",
  description: "Every container says how much memory and how many cores it may take.",
  mend: "Give it limits, as ServiceSpec.limits does.",
  checks: {
    ...ofEach(WORKLOADS, { "has a limit of memory": limit("memory"), "has a limit of cores": limit("cpu") }),
    [DOCKER.container]: {
      "has a limit of memory": unlessAttached(value("memory", "above 0", isGiven)),
      "has a limit of cores": unlessAttached(value("cpus", "above 0", isGiven)),
    },
  },
};
