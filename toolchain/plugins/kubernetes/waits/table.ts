import type { Kind } from "../objects.ts";
import type { Wait } from "./judgement.ts";
import { CLAIM, DEFINITION, NAMESPACE, SERVICE } from "./others.ts";
import { DAEMON_SET, DEPLOYMENT, JOB, POD, STATEFUL_SET } from "./workloads.ts";

/**
 * Kinds that are not ready when they are made. An Ingress is not among them, unlike with the official plugin: clusters without
 * a controller would wait for ten minutes, and the services behind it are waited for themselves.
 */
const WAITS: Readonly<Record<string, Wait>> = {
  "apiextensions.k8s.io/v1 CustomResourceDefinition": DEFINITION,
  "apps/v1 DaemonSet": DAEMON_SET,
  "apps/v1 Deployment": DEPLOYMENT,
  "apps/v1 StatefulSet": STATEFUL_SET,
  "batch/v1 Job": JOB,
  "v1 Namespace": NAMESPACE,
  "v1 PersistentVolumeClaim": CLAIM,
  "v1 Pod": POD,
  "v1 Service": SERVICE,
};

/** How to wait for a kind; nothing where there is nothing to wait for. */
export function waitOf({ apiVersion, kind }: Kind): Wait | undefined {
  return WAITS[`${apiVersion} ${kind}`];
}
