import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Cluster } from "./access.ts";
import { NODE } from "./layout.ts";

/** Name of the class that gives out folders of this machine as disks; the default one. */
export const STORAGE_CLASS = "slipway-local";

/** Disks there are: as many claims can be bound at once. */
const DISKS = 16;

/** What each says it holds. Nothing enforces it. */
const DISK_SIZE = "100Gi";

/**
 * Makes the disks that are not there: folders of this machine, bound when the first pod asks. One that was given back is emptied first, as
 * no provisioner runs here.
 */
export async function ensureStorage({ layout, kubectl, apply }: Cluster): Promise<void> {
  const listed = await kubectl(
    "get",
    "persistentvolumes",
    "--output=jsonpath={range .items[*]}{.metadata.name} {.status.phase}{'\\n'}{end}",
  );
  const phases = new Map(listed.split("\n").map((line) => line.split(" ") as [string, string | undefined]));
  const missing: object[] = [];
  for (let number = 1; number <= DISKS; number += 1) {
    const name = `${STORAGE_CLASS}-${number}`;
    const path = join(layout.volumes, name);
    if (phases.get(name) === "Released") {
      await kubectl("delete", "persistentvolume", name);
      rmSync(path, { recursive: true, force: true });
    } else if (phases.has(name)) continue;
    // Open to all: the kubelet gives it to the group of the pod that takes it.
    mkdirSync(path, { recursive: true, mode: 0o755 });
    missing.push(disk(name, path));
  }
  await apply([storageClass(), ...missing]);
}

function storageClass(): object {
  return {
    apiVersion: "storage.k8s.io/v1",
    kind: "StorageClass",
    metadata: { name: STORAGE_CLASS, annotations: { "storageclass.kubernetes.io/is-default-class": "true" } },
    provisioner: "kubernetes.io/no-provisioner",
    volumeBindingMode: "WaitForFirstConsumer",
  };
}

function disk(name: string, path: string): object {
  const values = [{ key: "kubernetes.io/hostname", operator: "In", values: [NODE] }];
  return {
    apiVersion: "v1",
    kind: "PersistentVolume",
    metadata: { name },
    spec: {
      capacity: { storage: DISK_SIZE },
      accessModes: ["ReadWriteOnce"],
      persistentVolumeReclaimPolicy: "Retain",
      storageClassName: STORAGE_CLASS,
      local: { path },
      nodeAffinity: { required: { nodeSelectorTerms: [{ matchExpressions: values }] } },
    },
  };
}
