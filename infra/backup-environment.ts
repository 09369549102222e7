import type { Input } from "@pulumi/pulumi";
import { backupSettings, type BackupSettings } from "../configs/stack-backup.ts";
import type { StackConfig } from "../configs/stack.ts";
import { SECRETS_FOLDER, type Cache, type Database } from "./contract.ts";
import { POSTGRES_FOLDER } from "./postgres-image.ts";
import type { BackupSecrets } from "./secrets.ts";
import { cacheEnvironment, databaseEnvironment } from "./service-environment.ts";

/** Folders of the two containers that write backups, on every platform; the images make them, so that their user owns the volumes. */
export const REPOSITORY_FOLDER = "/var/lib/slipway/backups";
export const OFFSITE_FOLDER = "/var/lib/slipway/offsite";
export const SOCKET_FOLDER = "/run/slipway/postgres";

const CA_FILE = "offsite-ca.pem";

export const BACKUP_PORT = 8000;

/** What it records and counts goes by one, and a second is free while that one waits. */
export const BACKUP_CONNECTIONS = 2;

/** A backup under way is given up, and taken up again after the start: nothing is to be waited for. */
export const BACKUP_DRAIN_SECONDS = 20;

type Offsite = BackupSettings["offsite"];

/** Where the repositories are, for Postgres, which writes its WAL there, and for the agent, which writes everything else. */
export function repositoryEnvironment(offsite: Offsite): Readonly<Record<string, string>> {
  return {
    POSTGRES_SOCKET_DIR: SOCKET_FOLDER,
    BACKUP_REPOSITORY_DIR: REPOSITORY_FOLDER,
    ...offsiteEnvironment(offsite),
  };
}

function offsiteEnvironment(offsite: Offsite): Readonly<Record<string, string>> {
  if (offsite?.folder !== undefined) return { BACKUP_OFFSITE_URL: `file://${OFFSITE_FOLDER}` };
  if (offsite?.s3 === undefined) return {};
  const { bucket, prefix, region, endpoint, ca } = offsite.s3;
  return {
    BACKUP_OFFSITE_URL: `s3://${bucket}${prefix === undefined ? "" : `/${prefix}`}`,
    BACKUP_OFFSITE_REGION: region,
    ...(endpoint === undefined ? {} : { BACKUP_OFFSITE_ENDPOINT: endpoint }),
    ...(ca === undefined ? {} : { BACKUP_OFFSITE_CA_FILE: `${SECRETS_FOLDER}/${CA_FILE}` }),
  };
}

/** What opens them, by file name. */
export function repositorySecrets(
  offsite: Offsite,
  { key, bucket }: BackupSecrets,
): Readonly<Record<string, Input<string>>> {
  const ca = offsite?.s3?.ca;
  return {
    "backup-key": key,
    ...(offsite?.s3 === undefined || bucket === undefined
      ? {}
      : { "offsite-access-key-id": bucket.accessKeyId, "offsite-secret-access-key": bucket.secretAccessKey }),
    // No secret, but a file that has to lie somewhere.
    ...(ca === undefined ? {} : { [CA_FILE]: ca }),
  };
}

export interface AgentEnvironmentArgs {
  readonly config: StackConfig;
  readonly database: Database;
  readonly cache: Cache;
  readonly objectsUrl: Input<string>;
}

/** The agent's settings, but for what a platform alone knows. */
export function agentEnvironment(args: AgentEnvironmentArgs): Readonly<Record<string, Input<string>>> {
  const { config, database, cache } = args;
  const settings = backupSettings(config.backup);
  return {
    APP_ENV: config.environment,
    NODE_ENV: "production",
    SECRETS_DIR: SECRETS_FOLDER,
    PORT: String(BACKUP_PORT),
    DRAIN_SECONDS: String(BACKUP_DRAIN_SECONDS),
    ...databaseEnvironment(database, database.app, BACKUP_CONNECTIONS),
    ...cacheEnvironment(cache),
    OBJECTS_URL: args.objectsUrl,
    POSTGRES_DATA_DIR: `${POSTGRES_FOLDER}/data`,
    ...repositoryEnvironment(settings.offsite),
    BACKUP_DAILY_AT: settings.dailyAt,
    BACKUP_FULL_ON: settings.fullOn,
    BACKUP_KEEP_DAYS: String(settings.keepDays),
    BACKUP_DRILL_DAYS: String(settings.drillDays),
  };
}
