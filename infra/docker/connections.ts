import { backupSettings, type BackupSettings } from "../../configs/stack-backup.ts";
import type { StackConfig } from "../../configs/stack.ts";
import { BACKUP_CONNECTIONS } from "../backup-environment.ts";
import type { ConnectionUser } from "../plan/connection-budget.ts";
import { connectionUsers } from "../services.ts";

/** Connections that Postgres takes, those of its superuser included. Each costs it some MiB of memory. */
export const MAX_CONNECTIONS = 100;

/**
 * What the agent may hold of Postgres' connections. What it does as its superuser (pgBackRest one, itself one) has the places that are the
 * superuser's.
 */
export function backupConnections({ enabled }: BackupSettings): readonly ConnectionUser[] {
  return enabled
    ? [{ name: "backup", replicas: 1, connections: BACKUP_CONNECTIONS, keys: [], isReplacedInPlace: true }]
    : [];
}

/** Who may hold how many connections to the Postgres of a stack on a Docker engine. */
export function dockerConnectionUsers(config: StackConfig, hasGpu: boolean): readonly ConnectionUser[] {
  return [...connectionUsers(config, hasGpu), ...backupConnections(backupSettings(config.backup))];
}
