import type { input as k8s } from "@pulumi/kubernetes/types/index.js";
import type { ProgramSpec } from "../contract.ts";
import { KILL_MARGIN_SECONDS } from "../plan/drain.ts";
import { nodesOf, podTemplate, type PodShape } from "./pod.ts";
import type { NodeChoice } from "./surroundings.ts";

export interface ProgramPodArgs {
  readonly spec: Pick<ProgramSpec, "name" | "uid" | "limits" | "command">;
  /** Image, account, settings, secrets and disks of the program. */
  readonly parts: Pick<
    PodShape,
    "image" | "pullPolicy" | "cpuRequestPercent" | "settings" | "secrets" | "account" | "mounts" | "fsGroup" | "groups"
  >;
  /** Where its pod runs. @default anywhere */
  readonly nodes?: NodeChoice | undefined;
}

/** The pod of a program that ends by itself: it is tried once, and what a failed one left is for people to see. */
export function programPod({ spec, parts, nodes }: ProgramPodArgs): k8s.core.v1.PodTemplateSpec {
  return podTemplate({
    ...parts,
    service: spec.name,
    uid: spec.uid,
    limits: spec.limits,
    command: spec.command,
    graceSeconds: KILL_MARGIN_SECONDS,
    restartPolicy: "Never",
    ...(nodes === undefined ? {} : { pod: nodesOf(nodes) }),
  });
}
