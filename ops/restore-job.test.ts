import { beforeAll, describe, expect, it } from "vitest";
import { at, clusterStack, inputsOf, recordCluster, TYPES, type RecordedCluster } from "../test/pulumi/kubernetes.ts";
import { breaches } from "../policies/restricted.ts";
import { UIDS } from "../infra/services.ts";
import { bringBackJob, claimSchema, drillSchema, restoreClaim, restoreJob, restoreJobSchema } from "./restore-job.ts";

const ORDER = {
  ...{ stack: "unit", generation: "20261129t1200", typed: "10m ago" },
  ...{ to: "2026-11-29T12:00:00Z", target: "2026-11-29T12:00:00Z" },
};

let stack: RecordedCluster;
let restored: RecordedCluster;
beforeAll(async () => {
  stack = await recordCluster(clusterStack());
  restored = await recordCluster(clusterStack({}, { data: { generation: ORDER.generation, kept: ["first"] } }));
});

const drill = () => {
  const { metadata, spec } = inputsOf(stack, TYPES.cronJob, "drill");
  return drillSchema.parse({ metadata: { ...(metadata as object), uid: "uid-of-drill" }, spec });
};
const template = () => at(inputsOf(stack, TYPES.statefulSet, "postgres"), "spec", "volumeClaimTemplates", 0);
const claim = () =>
  restoreClaim(claimSchema.parse({ metadata: { namespace: "slipway-unit" }, spec: at(template(), "spec") }), ORDER);

describe("a restore in a cluster", () => {
  it("fills a claim that the next deploy would make just so, but for how long that waits", () => {
    const made = inputsOf(restored, TYPES.claim, `postgres-${ORDER.generation}`);
    const { name, namespace, labels } = made["metadata"] as Record<string, unknown>;
    expect(claim()).toMatchObject({ metadata: { name, namespace, labels }, spec: made["spec"] });
  });

  it("runs in the pod of a drill, with that claim in place of the drill's disk, and is known by what it fills", () => {
    const job = restoreJob(drill(), ORDER);
    const { spec: pod } = job.spec.template;
    const [container] = pod.containers;
    expect(container?.command).toEqual(["/usr/local/bin/node", "/app/backup.mjs", "restore", "--to", ORDER.to]);
    expect(pod.volumes).toContainEqual({
      ...{ name: "data", persistentVolumeClaim: { claimName: "postgres-20261129t1200" } },
    });
    expect(container?.volumeMounts).toContainEqual({ name: "data", mountPath: "/var/lib/postgresql" });
    expect(JSON.stringify(pod)).not.toContain('"name":"drill"');
    expect(breaches(pod)).toEqual([]);
    expect(job.metadata).toMatchObject({
      ...{ name: "restore", namespace: "slipway-unit" },
      ownerReferences: [{ kind: "CronJob", name: "drill", uid: "uid-of-drill" }],
      annotations: { "slipway.restore.generation": ORDER.generation, "slipway.restore.typed": "10m ago" },
    });
    // By this label network policies let it at a bucket, and at no database.
    expect(job.spec.template.metadata.labels["app.kubernetes.io/name"]).toBe("restore");
    // It is started once it was seen whole.
    expect(job.spec).toMatchObject({ suspend: true, backoffLimit: 0 });
  });

  it("brings artifacts back in a pod that has the store to write as its owner, and everything else to read", () => {
    const restore = restoreJob(drill(), ORDER);
    const { metadata, spec } = bringBackJob(restoreJobSchema.parse(restore));
    expect(metadata).toMatchObject({ name: "restore-artifacts", ownerReferences: restore.metadata.ownerReferences });
    const { spec: pod, metadata: labelled } = spec.template;
    expect(labelled.labels["app.kubernetes.io/name"]).toBe("restore");
    const [container] = pod.containers;
    expect(container?.command).toEqual(["/usr/local/bin/node", "/app/backup.mjs", "bring-back"]);
    const isReadOnly = Object.fromEntries(
      pod.volumes.flatMap(({ name, persistentVolumeClaim: claim }) => (claim ? [[name, claim["readOnly"]]] : [])),
    );
    expect(isReadOnly).toEqual({ backups: true, objects: false, data: true });
    const mounts = Object.fromEntries((container?.volumeMounts ?? []).map(({ name, readOnly }) => [name, readOnly]));
    expect(mounts).toMatchObject({ backups: true, objects: false, data: true });
    const worker = at(inputsOf(stack, TYPES.deployment, "worker-cpu"), "spec", "template", "spec", "securityContext");
    expect(pod.securityContext).toMatchObject({
      ...{ runAsUser: UIDS.worker, runAsGroup: UIDS.worker, runAsNonRoot: true, supplementalGroups: [10_003] },
      fsGroup: (worker as { fsGroup: number }).fsGroup,
    });
    expect(worker).toMatchObject({ runAsUser: UIDS.worker });
    expect(breaches(pod)).toEqual([]);
  });

  it("brings artifacts back into a bucket as whoever restores: there is no disk, and nobody's files", async () => {
    const objects = { url: "s3://bucket", region: "eu-central-1" };
    const remote = await recordCluster(clusterStack({ objects }));
    const { metadata, spec } = inputsOf(remote, TYPES.cronJob, "drill");
    const restore = restoreJob(drillSchema.parse({ metadata: { ...(metadata as object), uid: "u" }, spec }), ORDER);
    const { spec: pod } = bringBackJob(restoreJobSchema.parse(restore)).spec.template;
    expect(pod.securityContext).toMatchObject({ runAsUser: 10_003, fsGroup: 10_003 });
    expect(breaches(pod)).toEqual([]);
  });
});
