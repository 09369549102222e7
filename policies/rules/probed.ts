import { input, listAt, ofEach } from "../checks.ts";
import { ownContainer, stands } from "../pods.ts";
import type { Checked, Rule } from "../rule.ts";
import { DEPLOYMENT, DOCKER, SERVERS } from "../types.ts";

const probe = (name: string) => ownContainer(name, "given", (one) => stands(one, name));

/** What runs to its end is known by its exit code. */
const isServer = (resource: Checked) => input(resource, "mustRun") !== false;

const ready = { "is asked whether it is ready": probe("readinessProbe") };

export const probed: Rule = {
  name: "probed",
  description: "Every server is asked whether it is ready, and whether it lives.",
  mend: "Give it a probe, as ServiceSpec.health does.",
  checks: {
    ...ofEach(SERVERS, ready),
    // A server of data that is slow must not be killed for it: of a StatefulSet it is not asked.
    [DEPLOYMENT]: { ...ready, "is asked whether it lives": probe("livenessProbe") },
    [DOCKER.container]: {
      "is asked whether it is healthy": (resource) =>
        !isServer(resource) || listAt(resource.inputs, "healthcheck", "tests").length > 0,
    },
  },
};
