import { z } from "zod";
import { POSTGRES_FOLDER } from "../infra/postgres-image.ts";
import { RESTORE_LABELS, RESTORE_SERVICE, type RestoreOrder } from "./restore-container.ts";
import { claimName } from "./volumes.ts";

/** By this label pods are known to network policies; infra/kubernetes/place.ts writes it. */
const SERVICE = "app.kubernetes.io/name";

/** Volume of a drill's own in its pod, as infra/kubernetes/drill.ts names it. */
const DRILL_VOLUME = "drill";

const DATA_VOLUME = "data";

const named = z.looseObject({ name: z.string() });

const podSchema = z.looseObject({
  volumes: z.array(named),
  containers: z.array(z.looseObject({ command: z.array(z.string()), volumeMounts: z.array(named) })).length(1),
});
type Pod = z.output<typeof podSchema>;

/** What is looked at of a CronJob of drills, as the cluster tells of it. */
export const drillSchema = z.object({
  metadata: z.object({ namespace: z.string(), name: z.string(), uid: z.string() }),
  spec: z.object({ jobTemplate: z.object({ spec: z.object({ template: z.object({ spec: podSchema }) }) }) }),
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
 * disk that would go with it. One that failed is looked at by people, and begun anew by them.
 */
export function restoreJob({ metadata, spec }: z.output<typeof drillSchema>, order: RestoreOrder) {
  const own = labels(order.stack, RESTORE_SERVICE);
  return {
    apiVersion: "batch/v1",
    kind: "Job",
    metadata: {
      name: `${RESTORE_SERVICE}-${order.generation}`,
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

function withoutDrill<T extends { readonly name: string }>(those: readonly T[]): T[] {
  return those.filter(({ name }) => name !== DRILL_VOLUME);
}

function labels(stack: string, service: string): Record<string, string> {
  return { "app.kubernetes.io/part-of": "slipway", "app.kubernetes.io/instance": stack, [SERVICE]: service };
}
