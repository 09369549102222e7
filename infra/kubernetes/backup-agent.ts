import type { Input, Output } from "@pulumi/pulumi";
import { agentEnvironment, BACKUP_PORT } from "../backup-environment.ts";
import { BACKUP_PROGRAM } from "../backup-program.ts";
import type { Cache, Database, ObjectStore } from "../contract.ts";
import { ROLES } from "../logins.ts";
import { authority } from "../service-environment.ts";
import { configMap } from "./config-map.ts";
import type { Company } from "./data-service.ts";
import { PATHS } from "./deployment.ts";
import { objectMounts, READERS } from "./objects.ts";
import type { Place } from "./place.ts";
import type { BesideShape, Mounted, PullPolicy } from "./pod.ts";
import type { ObjectAccess } from "./remote-objects.ts";
import { RELEASE_FILE, releaseNote, socketFolder, type Repository } from "./repository.ts";
import { mutableName, mutableSecretFiles, secretFiles, type SecretFilesArgs } from "./secret-files.ts";
import type { ClusterConfig } from "./settings.ts";

/** Artifacts, as they are read for backups. */
export interface BackedUpObjects {
  readonly url: Input<string>;
  /** `undefined` where they are on no disk. */
  readonly claimName: Input<string> | undefined;
  readonly mounts: readonly Mounted[];
  readonly access: ObjectAccess;
}

/**
 * The store as the agent has it.
 *
 * @param claimName `undefined` where it is no disk
 */
export function backedUpObjects(
  { url }: ObjectStore,
  claimName: Input<string> | undefined,
  access: ObjectAccess,
): BackedUpObjects {
  if (claimName === undefined) return { url, claimName, mounts: [], access };
  // Read-only as a whole: the kubelet gives a disk to the group of the pod otherwise, and takes it from that of the artifacts.
  const volume = { name: "objects", persistentVolumeClaim: { claimName, readOnly: true } };
  const mounts = objectMounts("read", claimName).mounts.map(({ mount }) => ({ volume, mount }));
  return { url, claimName, mounts, access };
}

export interface AgentArgs {
  readonly config: ClusterConfig;
  readonly repository: Repository;
  readonly objects: BackedUpObjects;
  readonly pullPolicy: PullPolicy;
  /** As they will be: the agent waits for neither. */
  readonly database: Database;
  readonly cache: Cache;
  readonly fingerprintKey: Output<string>;
  readonly place: Place;
}

/** What both have who run the agent's program: the container beside Postgres, and the pod of drills. */
export interface AgentParts extends Pick<BesideShape, "image" | "pullPolicy" | "limits" | "cpuRequestPercent"> {
  readonly groups: readonly number[];
}

/** Size and groups of whoever runs the agent's program. */
export function agentParts(args: AgentArgs): AgentParts {
  const { config, repository, objects } = args;
  const { images, cpuRequestPercent } = config.kubernetes;
  // The file was refused before.
  if (images.backup === undefined) throw new Error("slipway:kubernetes.images.backup is missing.");
  return {
    ...{ image: images.backup, pullPolicy: args.pullPolicy, cpuRequestPercent },
    limits: repository.settings,
    // The group that the disk of artifacts belongs to.
    groups: objects.mounts.length === 0 ? [] : [READERS],
  };
}

/** Settings of a pod of the agent's program. */
export function agentSettings(
  { config, objects }: AgentArgs,
  comesAs: Pick<AgentArgs, "database" | "cache">,
): Readonly<Record<string, Input<string>>> {
  return { ...agentEnvironment({ config, ...comesAs, objectsUrl: objects.url }), ...objects.access.environment };
}

/** What opens Postgres and Redis for it. */
export function agentLogins({ database, cache }: AgentArgs): Readonly<Record<string, Output<string>>> {
  return { "database-password": database.app.password, "redis-password": cache.password };
}

/** Its other secrets, which no rotation changes. */
export function agentFiles({ repository, objects, database, cache }: AgentArgs): SecretFilesArgs["files"] {
  return {
    ...authority("database", database.tls),
    ...authority("redis", cache.tls),
    ...repository.secrets,
    ...objects.access.secrets,
  };
}

/**
 * Who the agent comes as is no part of its pod, which is Postgres' own and must outlast rotations: to Postgres it comes by the socket as its
 * superuser, and to Redis as the files say at that moment.
 */
function inPod(args: AgentArgs): Pick<BesideShape, "settings" | "secrets" | "changingSecrets"> {
  const { database, cache, fingerprintKey, place } = args;
  const { user, ...asDefault } = cache;
  const comesAs = {
    database: { ...database, app: { ...database.app, user: ROLES.app } },
    cache: asDefault,
  };
  const settings = { ...agentSettings(args, comesAs), BACKUP_DRILLS: "elsewhere", BACKUP_RELEASE_FILE: RELEASE_FILE };
  const files = { ...agentLogins(args), ...(user !== undefined && { "redis-user": user }) };
  mutableSecretFiles({ service: "backup", files, place });
  return {
    settings: configMap("backup", "backup", settings, place),
    secrets: secretFiles({ service: "backup", files: agentFiles(args), key: fingerprintKey, place }),
    changingSecrets: mutableName("backup"),
  };
}

/**
 * The backup agent, as a container in Postgres' pod: it comes to Postgres by its socket and reads its disk, which two pods could share on
 * one node alone. It has no readiness of its own, and one that fails keeps nobody from Postgres; alerts say the rest.
 */
export function backupAgent(args: AgentArgs, parts: AgentParts): Company {
  const { config, repository, objects, place } = args;
  const { groups, ...shape } = parts;
  const repositoryMount = repository.mount("write");
  const beside = (data: Mounted): BesideShape => ({
    ...shape,
    ...inPod(args),
    service: "backup",
    command: [...BACKUP_PROGRAM, "serve"],
    mounts: [
      { ...data, mount: { ...data.mount, readOnly: true } },
      ...[repositoryMount, socketFolder(), releaseNote(config, place)],
      ...objects.mounts,
    ],
    container: {
      ports: [{ name: "http", containerPort: BACKUP_PORT, protocol: "TCP" }],
      livenessProbe: {
        httpGet: { path: PATHS.live, port: BACKUP_PORT, scheme: "HTTP" },
        ...{ initialDelaySeconds: 10, periodSeconds: 10, timeoutSeconds: 5, failureThreshold: 6 },
      },
    },
  });
  return {
    mounts: [repositoryMount, socketFolder()],
    groups,
    annotations: objects.access.annotations,
    beside: (data) => [beside(data)],
  };
}
