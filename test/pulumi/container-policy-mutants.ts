import { inputs, renamed, type Mutant } from "./mutants.ts";

/** For each check of the policy pack of containers on a Docker engine, changes that it finds. */
export const DOCKER_MUTANTS: readonly Mutant[] = [
  ["Container redis", inputs("ports", [{ internal: 6379, external: 6379 }]), "publishes no port, but for the edge"],
  ["Container redis", inputs("networkMode", "host"), "is not in the engine's own network"],
  ["Container redis", inputs("image", "redis:7"), "runs what was named by its content"],
  ["RemoteImage image-api", inputs("name", "slipway/api:latest"), "is not called latest"],
  ["RemoteImage image-api", inputs("name", "localhost:5000/api"), "is not called latest"],
  ["Container api-1", inputs("memory", undefined), "has a limit of memory"],
  ["Container api-1", inputs("cpus", "0"), "has a limit of cores"],
  ["Container api-1", inputs("healthcheck", undefined), "is asked whether it is healthy"],
  ["Container api-1", inputs("user", "0:0"), "is not root"],
  ["Container api-1", inputs("user", "root"), "is not root"],
  ["Container api-1", inputs("user", undefined), "is not root"],
  ["Container api-1", inputs("readOnly", false), "has a root that is read alone"],
  ["Container api-1", inputs("capabilities", undefined), "drops all capabilities"],
  ["Container api-1", inputs("securityOpts", []), "gets no new rights"],
  ["Container api-1", inputs("privileged", true), "is not privileged"],
  ["Volume postgres", inputs("labels", []), "says whose it is"],
  ["Network inner", inputs("labels", undefined), "says whose it is"],
  ["Container api-1", inputs("labels", [{ label: "slipway.project", value: "slipway" }]), "says whose it is"],
];

const own = (path: string) => `spec.template.spec.containers.0.${path}`;

/** The same of workloads in a cluster. */
export const CLUSTER_MUTANTS: readonly Mutant[] = [
  ["Service postgres", inputs("spec.type", "LoadBalancer"), "answers in the cluster alone"],
  ["Service postgres", inputs("spec.externalIPs", ["203.0.113.7"]), "answers in the cluster alone"],
  ...["Deployment api", "StatefulSet postgres", "Job migrate", "DaemonSet device-plugin"].flatMap((which): Mutant[] => [
    [which, inputs(own("image"), "registry.example/some:1.2"), "runs what was named by its content"],
    [which, inputs(own("resources.limits.memory"), undefined), "has a limit of memory"],
    [which, inputs(own("resources.limits.cpu"), undefined), "has a limit of cores"],
    [which, inputs("metadata.labels", {}), "says whose it is"],
  ]),
  ...["Deployment api", "StatefulSet postgres", "Job migrate"].flatMap((which): Mutant[] => [
    [which, inputs(own("securityContext.allowPrivilegeEscalation"), true), "is let in by Pod Security restricted"],
    [which, inputs("spec.template.spec.hostNetwork", true), "is let in by Pod Security restricted"],
    [which, inputs("spec.template.spec.securityContext.runAsUser", 0), "is let in by Pod Security restricted"],
    [which, inputs(own("securityContext.readOnlyRootFilesystem"), false), "has a root that is read alone"],
  ]),
  // What is excepted is so by its name.
  ["DaemonSet device-plugin", renamed("another"), "is let in by Pod Security restricted"],
  ["DaemonSet device-plugin", renamed("another"), "has a root that is read alone"],
  ["Deployment api", inputs(own("readinessProbe"), undefined), "is asked whether it is ready"],
  ["Deployment api", inputs(own("livenessProbe"), undefined), "is asked whether it lives"],
  ["StatefulSet postgres", inputs(own("readinessProbe"), undefined), "is asked whether it is ready"],
  ["CronJob drill", inputs(`spec.jobTemplate.${own("image")}`, "some:latest"), "runs what was named by its content"],
  ["CronJob drill", inputs(`spec.jobTemplate.${own("resources")}`, {}), "has a limit of memory"],
  ["CronJob drill", inputs(`spec.jobTemplate.${own("resources")}`, {}), "has a limit of cores"],
  ["CronJob drill", inputs("metadata.labels", {}), "says whose it is"],
  [
    "CronJob drill",
    inputs("spec.jobTemplate.spec.template.spec.hostPID", true),
    "is let in by Pod Security restricted",
  ],
  [
    "CronJob drill",
    inputs(`spec.jobTemplate.${own("securityContext.readOnlyRootFilesystem")}`, undefined),
    "has a root that is read alone",
  ],
];
