import { PersistentVolumeClaim } from "@pulumi/kubernetes/core/v1/persistentVolumeClaim.js";
import type { Input, Output } from "@pulumi/pulumi";
import type { ProgramSpec } from "../contract.ts";
import { labels, options, type Place } from "./place.ts";
import { mebibytes, type Mounted } from "./pod.ts";

/** Folder of the object store in every container that has it. */
const FOLDER = "/var/lib/slipway/objects";

/** Group that the disk is given to. One for all its pods: a disk cannot belong to several. */
export const READERS = 10_010;

/** Where artifacts lie, as the processes are told. */
export const OBJECTS_URL = `file://${FOLDER}`;

export interface DiskArgs {
  readonly storageGiB: number;
  /** @default the cluster's default class */
  readonly storageClass: string | undefined;
}

/** What a claim asks for. */
export function claimSpec({ storageGiB, storageClass }: DiskArgs) {
  return {
    accessModes: ["ReadWriteOnce"],
    ...(storageClass === undefined ? {} : { storageClassName: storageClass }),
    resources: { requests: { storage: mebibytes(storageGiB * 1024) } },
  };
}

/** The disk of the object store: one, at one node at a time. */
export function objectClaim(disk: DiskArgs, place: Place): Output<string> {
  return diskClaim("objects", "objects", disk, place);
}

/**
 * A disk that outlives the pods that it is mounted in. One of that name that is there already is taken up with what is on it, such as one
 * that a restore filled.
 *
 * @param service whose disk it is
 * @returns its name
 */
export function diskClaim(name: string, service: string, disk: DiskArgs, place: Place): Output<string> {
  const claim = new PersistentVolumeClaim(
    name,
    {
      metadata: {
        name,
        namespace: place.namespace,
        labels: labels(service),
        // Many classes bind a disk when the first pod asks for it, and that pod comes after this.
        annotations: { "pulumi.com/skipAwait": "true" },
      },
      spec: claimSpec(disk),
    },
    options(place, { protect: place.keep }),
  );
  return claim.metadata.name;
}

/**
 * How a program's pod gets at the store.
 *
 * @param claimName `undefined` where the store is no disk
 */
export function objectMounts(
  access: ProgramSpec["objects"],
  claimName: Input<string> | undefined,
): { readonly mounts: readonly Mounted[]; readonly fsGroup?: number } {
  if (access === "none" || claimName === undefined) return { mounts: [] };
  const readOnly = access === "read";
  const volume = { name: "objects", persistentVolumeClaim: { claimName } };
  return { mounts: [{ volume, mount: { name: "objects", mountPath: FOLDER, readOnly } }], fsGroup: READERS };
}
