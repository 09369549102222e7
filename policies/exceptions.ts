import type { Exception } from "./rule.ts";
import { DOCKER } from "./types.ts";

const NVIDIA =
  "NVIDIA's own program, which reads the node's devices as root; its namespace lets such pods in, and nothing else of ours stands in it.";

/** Resources that are right as they are, each with the reason. A test fails for one that no resource needs any more. */
export const EXCEPTIONS: readonly Exception[] = [
  {
    rule: "hardened",
    type: DOCKER.container,
    name: /^secrets-/,
    from: ["is not root", "has a root that is read alone"],
    reason:
      "Writes a service's secrets and is gone: the engine takes no uploads into a root that is read alone, and giving files to another user " +
      "takes root with CAP_CHOWN. It has no network and no other capability.",
  },
  {
    rule: "hardened",
    type: "kubernetes:apps/v1:DaemonSet",
    name: /^(device-plugin|dcgm-exporter)/,
    reason: NVIDIA,
  },
  {
    rule: "not-public",
    type: "kubernetes:core/v1:Service",
    name: /^api$/,
    from: ["answers in the cluster alone"],
    reason: "On AWS the load balancer comes in by a port of the nodes, which their security group opens to it alone.",
  },
];
