import { Container } from "@pulumi/docker";
import { jsonStringify, type ComponentResource, type Input, type Output } from "@pulumi/pulumi";
import { backupSettings } from "../../configs/stack-backup.ts";
import type { StackConfig } from "../../configs/stack.ts";
import { agentEnvironment, BACKUP_DRAIN_SECONDS } from "../backup-environment.ts";
import { BACKUP_PROGRAM } from "../backup-program.ts";
import type { Cache, Database, Probe } from "../contract.ts";
import { POSTGRES_FOLDER, POSTGRES_UID } from "../postgres-image.ts";
import type { Archive } from "./archive.ts";
import { hardened, type ContainerShape } from "./container.ts";
import type { DataService } from "./data-service.ts";
import type { Images } from "./image.ts";
import { objectMounts, type ObjectVolume } from "./objects.ts";
import { secretFiles } from "./secret-files.ts";

export interface BackupArgs {
  readonly config: StackConfig;
  readonly archive: Archive;
  /** Every image of the stack, the agent's among them, by name: each backup notes them. */
  readonly images: Images;
  readonly postgres: DataService;
  readonly database: Database;
  readonly cache: Cache;
  readonly objects: ObjectVolume;
  readonly network: Input<string>;
  readonly fingerprintKey: Output<string>;
  readonly parent: ComponentResource;
}

const KILL_MARGIN_SECONDS = 10;

/**
 * The backup agent: a container beside Postgres, as the same user, that reads its files and writes the repositories. No part of a
 * release, which goes on without it; it is replaced in place, as two would be in each other's way.
 */
export function backup(args: BackupArgs): void {
  const { archive, postgres, parent } = args;
  const { backup: image } = args.images;
  if (image === undefined)
    throw new Error("The image of the backup agent is missing: it is built where backups are on.");
  const secrets = agentSecrets(args, image);
  const objects = objectMounts("read", args.objects);
  new Container(
    "backup",
    {
      ...hardened({
        service: "backup",
        image,
        uid: POSTGRES_UID,
        limits: backupSettings(args.config.backup),
        command: [...BACKUP_PROGRAM, "serve"],
        environment: environment(args),
        secrets,
        ...mounts(args),
        groups: objects.groups ?? [],
        networks: [{ name: args.network, aliases: ["backup"] }, ...archive.networks],
        health: probe(),
      }),
      restart: "unless-stopped",
      destroyGraceSeconds: BACKUP_DRAIN_SECONDS + KILL_MARGIN_SECONDS,
    },
    // The plugin takes other mounts for an update, which leaves the container on the volume of the secrets before.
    {
      ...{ parent, dependsOn: [secrets.writer, postgres.container] },
      ...{ deleteBeforeReplace: true, replaceOnChanges: ["mounts"] },
    },
  );
}

function agentSecrets({ archive, database, cache, fingerprintKey, parent }: BackupArgs, image: Input<string>) {
  return secretFiles({
    service: "backup",
    files: { "database-password": database.app.password, "redis-password": cache.password, ...archive.secrets },
    ...{ uid: POSTGRES_UID, image, key: fingerprintKey, parent },
  });
}

/** It reads data and artifacts, and writes backups alone. */
function mounts({ archive, postgres, objects }: BackupArgs): Pick<ContainerShape, "volumes" | "hostFolders"> {
  const { volumes = [] } = objectMounts("read", objects);
  return {
    volumes: [{ volume: postgres.volume, folder: POSTGRES_FOLDER, access: "read" }, ...volumes, ...archive.volumes],
    hostFolders: archive.hostFolders,
  };
}

function environment(args: BackupArgs): Required<ContainerShape>["environment"] {
  const { config, database, cache } = args;
  return {
    ...agentEnvironment({ config, database, cache, objectsUrl: args.objects.url }),
    // The stack's file without its secrets, which are no part of `config`.
    BACKUP_RELEASE: jsonStringify({ images: args.images, configuration: config }),
  };
}

function probe(): Probe {
  return {
    command: [BACKUP_PROGRAM[0], "/app/healthcheck.mjs"],
    intervalSeconds: 10,
    timeoutSeconds: 4,
    retries: 6,
    startSeconds: 120,
  };
}
