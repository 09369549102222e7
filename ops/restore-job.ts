import { z } from "zod";
import { POSTGRES_FOLDER, POSTGRES_UID } from "../infra/postgres-image.ts";
import { UIDS } from "../infra/services.ts";
import { RESTORE_LABELS, RESTORE_SERVICE, type RestoreOrder } from "./restore-container.ts";
import { claimName } from "./volumes.ts";

/** By this label pods are known to network policies; infra/kubernetes/place.ts writes it. */
const SERVICE = "app.kubernetes.io/name";

/** Volume of a drill's own in its pod, as infra/kubernetes/drill.ts names it. */
const DRILL_VOLUME = "drill";

/** That of artifacts, as infra/kubernetes/objects.ts names it. */
const OBJECTS_VOLUME = "objects";

const DATA_VOLUME = "data";

/** Name of the job that fills a claim: one at a time, as one of that name is made once. */
export const RESTORE_JOB = RESTORE_SERVICE;

/** The same of the job that brings artifacts back. */
export const ARTIFACTS_JOB = "restore-artifacts";

const named = z.looseObject({ name: z.string() });

const podSchema = z.looseObject({
  volumes: z.array(z.looseObject({ name: z.string(), persistentVolumeClaim: z.looseObject({}).optional() })),
  securityContext: z.looseObject({ supplementalGroups: z.array(z.int()).default([]) }).prefault({}),
  containers: z.array(z.looseObject({ command: z.array(z.string()), volumeMounts: z.array(named) })).length(1),
});
type Pod = z.output<typeof podSchema>;

/** What is looked at of a CronJob of drills, as the cluster tells of it. */
export const drillSchema = z.object({
  metadata: z.object({ namespace: z.string(), name: z.string(), uid: z.string() }),
  spec: z.object({ jobTemplate: z.object({ spec: z.object({ template: z.object({ spec: podSchema }) }) }) }),
});

/** What is looked at of the job of a restore. */
export const restoreJobSchema = z.object({
  metadata: z.looseObject({
    namespace: z.string(),
    labels: z.record(z.string(), z.string()),
    ownerReferences: z.array(z.looseObject({})),
  }),
  spec: z.object({ template: z.object({ spec: podSchema }) }),
});

/** The same of a claim. */
export const claimSchema = z.object({
  metadata: z.object({ namespace: z.string() }),
  spec: z.object({
    accessModes: z.array(z.string()),
    storageClassName: z.string().optional(),
    resources: z.object({ requests: z.record(z.string(), z.string()) }),
  }),
});

/**
 * The claim that a restore fills, as infra/kubernetes/objects.ts would make it: the next deploy takes it up.
 *
 * @param serving the claim that serves: the new one is of its size and class
 */
export function restoreClaim({ metadata, spec }: z.output<typeof claimSchema>, order: RestoreOrder) {
  return {
    apiVersion: "v1",
    kind: "PersistentVolumeClaim",
    metadata: {
      name: claimName("postgres", order.generation),
      namespace: metadata.namespace,
      labels: labels(order.stack, "postgres"),
    },
    spec,
  };
}

/**
 * The job that fills it: the pod of a drill, which reads repository and artifacts and changes neither, with the new claim in the place of the
 * disk that would go with it. It does not start before it is told to, and is tried once.
 */
export function restoreJob({ metadata, spec }: z.output<typeof drillSchema>, order: RestoreOrder) {
  const own = labels(order.stack, RESTORE_SERVICE);
  return {
    apiVersion: "batch/v1",
    kind: "Job",
    metadata: {
      name: RESTORE_JOB,
      namespace: metadata.namespace,
      labels: own,
      // Goes with the stack: a pod that has ended would keep the disks that it was given from being deleted.
      ownerReferences: [{ apiVersion: "batch/v1", kind: "CronJob", name: metadata.name, uid: metadata.uid }],
      annotations: {
        ...{ [RESTORE_LABELS.generation]: order.generation, [RESTORE_LABELS.typed]: order.typed },
        [RESTORE_LABELS.target]: order.target,
      },
    },
    spec: {
      suspend: true,
      backoffLimit: 0,
      template: { metadata: { labels: own }, spec: restorePod(spec.jobTemplate.spec.template.spec, order) },
    },
  };
}

function restorePod(pod: Pod, order: RestoreOrder) {
  const claim = { claimName: claimName("postgres", order.generation) };
  return {
    ...pod,
    volumes: [...withoutDrill(pod.volumes), { name: DATA_VOLUME, persistentVolumeClaim: claim }],
    containers: pod.containers.map((container) => ({
      ...container,
      name: RESTORE_SERVICE,
      command: [...container.command.slice(0, 2), "restore", "--to", order.to],
      volumeMounts: [...withoutDrill(container.volumeMounts), { name: DATA_VOLUME, mountPath: POSTGRES_FOLDER }],
    })),
  };
}

/**
 * The job that brings back what a restore missed, made from the job of the restore. Nothing else in a namespace may write artifacts but the
 * worker: not the agent that serves, which has every backup and the key, and not the restore, which runs a Postgres and the product's code.
 * This one has the store to write, and everything else to read.
 */
export function bringBackJob({ metadata, spec }: z.output<typeof restoreJobSchema>) {
  const { namespace, labels: own, ownerReferences } = metadata;
  return {
    apiVersion: "batch/v1",
    kind: "Job",
    metadata: { name: ARTIFACTS_JOB, namespace, labels: own, ownerReferences },
    spec: { backoffLimit: 0, template: { metadata: { labels: own }, spec: bringBackPod(spec.template.spec) } },
  };
}

function bringBackPod(pod: Pod) {
  const isDisk = pod.volumes.some(({ name }) => name === OBJECTS_VOLUME);
  return {
    ...pod,
    ...(isDisk && { securityContext: asOwner(pod.securityContext) }),
    volumes: pod.volumes.map(({ persistentVolumeClaim: claim, ...volume }) => ({
      ...volume,
      ...(claim && { persistentVolumeClaim: { ...claim, readOnly: volume.name !== OBJECTS_VOLUME } }),
    })),
    containers: pod.containers.map((container) => ({
      ...container,
      name: ARTIFACTS_JOB,
      command: [...container.command.slice(0, 2), "bring-back"],
      volumeMounts: container.volumeMounts.map((mount) => {
        if (mount.name === OBJECTS_VOLUME) return { ...mount, readOnly: false };
        return mount.name === DATA_VOLUME ? { ...mount, readOnly: true } : mount;
      }),
    })),
  };
}

/**
 * On a disk what it writes is the worker's, who sweeps it later, in the group that all readers of the store have; what Postgres' user wrote on
 * the other disks it reads by the group of those, and they are given read-only, so that the kubelet gives them to nobody else.
 */
function asOwner(security: Pod["securityContext"]) {
  const [readers] = security.supplementalGroups;
  const own = { runAsUser: UIDS.worker, runAsGroup: UIDS.worker, supplementalGroups: [POSTGRES_UID] };
  return { ...security, ...own, ...(readers !== undefined && { fsGroup: readers }) };
}

function withoutDrill<T extends { readonly name: string }>(those: readonly T[]): T[] {
  return those.filter(({ name }) => name !== DRILL_VOLUME);
}

function labels(stack: string, service: string): Record<string, string> {
  return { "app.kubernetes.io/part-of": "slipway", "app.kubernetes.io/instance": stack, [SERVICE]: service };
}
