import { at, input, is, listAt, ofEach, oneOf, value } from "../checks.ts";
import { everyContainer, podOf } from "../pods.ts";
import { breaches } from "../restricted.ts";
import type { Checked, Holds, Rule } from "../rule.ts";
import { AWS, DOCKER, WORKLOADS } from "../types.ts";
import { UNKNOWN } from "../unknown.ts";

const isRestricted: Holds = (resource) => {
  const pod = podOf(resource);
  return pod === UNKNOWN || (pod !== undefined && breaches(pod as Readonly<Record<string, unknown>>).length === 0);
};

const isOwnUser = (found: unknown) => typeof found === "string" && /^\d+/.test(found) && !/^0+(:|$)/.test(found);

const says = (path: string, wanted: string) => (resource: Checked) => {
  const found = input(resource, path);
  return found === UNKNOWN || listAt(resource.inputs, ...path.split(".")).includes(wanted);
};

export const hardened: Rule = {
  name: "hardened",
  description:
    "No container is root, writes to its root, or can get rights that it was not given; no pod takes a node's rights.",
  mend: "Make it by hardened() of infra/docker/container.ts or podTemplate() of infra/kubernetes/pod.ts.",
  checks: {
    ...ofEach(WORKLOADS, {
      "is let in by Pod Security restricted": isRestricted,
      "has a root that is read alone": everyContainer(
        "securityContext.readOnlyRootFilesystem",
        "true",
        (one) => at(one, "securityContext", "readOnlyRootFilesystem") === true,
      ),
    }),
    [DOCKER.container]: {
      "is not root": value("user", "a number above 0", isOwnUser),
      "has a root that is read alone": is("readOnly", true),
      "drops all capabilities": says("capabilities.drops", "ALL"),
      "gets no new rights": says("securityOpts", "no-new-privileges"),
      "is not privileged": oneOf("privileged", undefined, false),
    },
    [AWS.launchTemplate]: {
      "asks for a token where credentials are": is("metadataOptions.httpTokens", "required"),
      "keeps pods from the node's credentials": is("metadataOptions.httpPutResponseHopLimit", 1),
    },
  },
};
