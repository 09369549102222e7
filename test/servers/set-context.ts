import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadRuntime } from "../../configs/runtime.ts";
import { openSetContext, type SetContext } from "../../backup/set-context.ts";
import type { PostgresPart } from "../../backup/write-set.ts";

export const BACKUP_KEY = "canary-key-of-the-backups-0123456789";

/** Folders of two repositories and an object store, and what works on them. */
export interface TestSets {
  readonly context: SetContext;
  readonly local: string;
  readonly offsite: string;
  readonly objects: string;
  /** The same places with another key, as after a mistake. */
  withKey(secret: string): SetContext;
  remove(): void;
}

/** @param redisPort a server whose password is `redis-secret` */
export function createTestSets(redisPort: number, signal = new AbortController().signal): TestSets {
  const folder = mkdtempSync(join(tmpdir(), "slipway-sets-"));
  const [local, offsite, objects] = [join(folder, "local"), join(folder, "offsite"), join(folder, "objects")];
  for (const path of [local, offsite, objects]) mkdirSync(path);
  const open = (secret: string) => {
    const secrets = mkdtempSync(join(folder, "secrets-"));
    for (const [name, value] of [
      ["database-password", "unused"],
      ["redis-password", "redis-secret"],
      ["backup-key", secret],
    ] as const)
      writeFileSync(join(secrets, name), value);
    const config = loadRuntime("backup", {
      ...{ APP_ENV: "test", DATABASE_HOST: "127.0.0.1", DATABASE_NAME: "none", DATABASE_USER: "slipway_app" },
      ...{ REDIS_HOST: "127.0.0.1", REDIS_PORT: String(redisPort), SECRETS_DIR: secrets },
      ...{ OBJECTS_URL: `file://${objects}`, BACKUP_REPOSITORY_DIR: local, BACKUP_OFFSITE_URL: `file://${offsite}` },
      BACKUP_RELEASE: '{"images":{"api":"sha256:1"},"configuration":{"level":"info"}}',
    });
    return openSetContext(config, signal);
  };
  return {
    context: open(BACKUP_KEY),
    ...{ local, offsite, objects },
    withKey: open,
    remove: () => {
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** What Postgres's part of a backup would say. */
export function postgresPart(label: string): PostgresPart {
  return {
    label,
    type: label.includes("_") ? "incr" : "full",
    startedAt: new Date("2026-11-29T02:30:00Z"),
    ...{ databaseBytes: 1000, addedBytes: 100, migrationLevel: 3, jobs: { queued: 2, succeeded: 5 } },
  };
}

/** Files below a folder, by their path in it. */
export function filesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((path) => statSync(join(folder, path)).isFile())
    .sort();
}
