import { ConfigMap } from "@pulumi/kubernetes/core/v1/configMap.js";
import { jsonStringify, type Input, type Output } from "@pulumi/pulumi";
import { PRIVATE_NETWORKS } from "../../configs/kubernetes-settings.ts";
import type { BackupSettings } from "../../configs/stack-backup.ts";
import { REPOSITORY_FOLDER, repositoryEnvironment, repositorySecrets, SOCKET_FOLDER } from "../backup-environment.ts";
import type { BackupSecrets } from "../secrets.ts";
import type { Peer } from "./network-policy.ts";
import { diskClaim } from "./objects.ts";
import { labels, options, type Place } from "./place.ts";
import type { Mounted } from "./pod.ts";
import { ANYWHERE, portOf } from "./remote-objects.ts";
import type { ClusterConfig } from "./settings.ts";

/** Where backups go: a disk of the cluster, and a bucket where the stack names one. */
export interface Repository {
  readonly settings: BackupSettings;
  readonly environment: Readonly<Record<string, string>>;
  /** What opens it, by file name. */
  readonly secrets: Readonly<Record<string, Input<string>>>;
  /** For who writes there, and for who reads alone: then the disk itself is given read-only. */
  readonly mount: (access: "read" | "write") => Mounted;
}

/** The disk, beside that of the data: it stays where backups are turned off, and goes with the namespace. */
export function repositoryClaim({ kubernetes }: ClusterConfig, place: Place): Output<string> {
  const { storageGiB, storageClass = kubernetes.storageClass } = kubernetes.backups;
  return diskClaim("backups", "backup", { storageGiB, storageClass }, place);
}

/** @param claimName of its disk */
export function repository(settings: BackupSettings, secrets: BackupSecrets, claimName: Input<string>): Repository {
  return {
    settings,
    environment: repositoryEnvironment(settings.offsite),
    secrets: repositorySecrets(settings.offsite, secrets),
    mount: (access) => {
      const readOnly = access === "read";
      const volume = { name: "backups", persistentVolumeClaim: { claimName, ...(readOnly ? { readOnly } : {}) } };
      return { volume, mount: { name: "backups", mountPath: REPOSITORY_FOLDER, readOnly } };
    },
  };
}

/** Networks that the bucket elsewhere answers from; none where there is no bucket. */
export function offsitePeers({ offsite }: BackupSettings): Peer[] {
  if (offsite?.s3 === undefined) return [];
  const { endpoint, cidrs = endpoint === undefined ? [ANYWHERE] : PRIVATE_NETWORKS } = offsite.s3;
  return cidrs.map((cidr) => ({ cidr, port: portOf(endpoint) }));
}

/** The folder by whose socket the agent comes to Postgres as its superuser: of this pod alone, and of memory. */
export function socketFolder(): Mounted {
  return {
    volume: { name: "socket", emptyDir: { medium: "Memory", sizeLimit: "1Mi" } },
    mount: { name: "socket", mountPath: SOCKET_FOLDER },
  };
}

const RELEASE_FOLDER = "/etc/slipway-release";
export const RELEASE_FILE = `${RELEASE_FOLDER}/release.json`;

/**
 * What runs, as each backup notes it: images, and the stack's file without its secrets. It changes in place, and the kubelet brings it into
 * the running pod: in the pod's template it would start Postgres anew with each release.
 */
export function releaseNote(config: ClusterConfig, place: Place): Mounted {
  const { images } = config.kubernetes;
  const name = "backup-release";
  new ConfigMap(
    name,
    {
      metadata: { name, namespace: place.namespace, labels: labels("backup") },
      data: { "release.json": jsonStringify({ images, configuration: config }) },
    },
    options(place),
  );
  return {
    // By name alone, and not by what the cluster gives back: the pod must not wait for changes of it.
    volume: { name: "release", configMap: { name } },
    mount: { name: "release", mountPath: RELEASE_FOLDER, readOnly: true },
  };
}
