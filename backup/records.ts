import { run, type Queryable } from "../jobs/database.ts";
import type { BackupRecord, DatabaseDrill, DrillResult } from "./protocol.ts";

const PUT_BACKUP = {
  name: "backup-record",
  // The same backup may be recorded again, as when it was finished after an interruption or a fault was found.
  text: `INSERT INTO backups (label, type, started_at, ended_at, database_bytes, added_bytes, artifacts, artifact_bytes, redis_bytes,
                              migration_level, jobs, key_id, repositories, faults)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
         ON CONFLICT (label) DO UPDATE SET ended_at = excluded.ended_at, added_bytes = excluded.added_bytes,
           artifacts = excluded.artifacts, artifact_bytes = excluded.artifact_bytes, redis_bytes = excluded.redis_bytes,
           jobs = excluded.jobs, key_id = excluded.key_id, repositories = excluded.repositories, faults = excluded.faults,
           recorded_at = now()`,
};

/** Notes a backup in the database, for reports; a second time it is changed. */
export async function recordBackup(db: Queryable, backup: BackupRecord): Promise<void> {
  await run(db, PUT_BACKUP, [
    ...[backup.label, backup.type, backup.startedAt, backup.endedAt, backup.databaseBytes, backup.addedBytes],
    ...[backup.artifacts.count, backup.artifacts.bytes, backup.redisBytes, backup.migrationLevel, backup.jobs],
    ...[backup.keyId, backup.repositories, backup.faults],
  ]);
}

/** What a drill came to. */
export type DrillOutcome =
  | {
      readonly outcome: "succeeded";
      readonly result: DatabaseDrill & Partial<Pick<DrillResult, "missingArtifacts">>;
    }
  | { readonly outcome: "failed"; readonly faults: readonly string[] };

export type DrillRecord = DrillOutcome & { readonly startedAt: Date; readonly endedAt: Date };

const PUT_DRILL = {
  name: "drill-record",
  text: `INSERT INTO drills (started_at, ended_at, outcome, label, rto_seconds, rpo_seconds, migration_level, missing_artifacts, faults)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
};

/** Notes a drill in the database. */
export async function recordDrill(db: Queryable, drill: DrillRecord): Promise<void> {
  const result = drill.outcome === "succeeded" ? drill.result : undefined;
  await run(db, PUT_DRILL, [
    ...[drill.startedAt, drill.endedAt, drill.outcome, result?.label, result?.rtoSeconds, result?.rpoSeconds],
    ...[result?.migrationLevel, result?.missingArtifacts, drill.outcome === "failed" ? drill.faults : []],
  ]);
}

/** The newest drill that went well. */
export interface LastDrill {
  readonly endedAt: Date;
  readonly rtoSeconds: number;
  readonly rpoSeconds: number;
}

const LAST_DRILL = {
  name: "drill-last",
  text: `SELECT ended_at AS "endedAt", rto_seconds AS "rtoSeconds", rpo_seconds AS "rpoSeconds" FROM drills
         WHERE outcome = 'succeeded' ORDER BY ended_at DESC LIMIT 1`,
};

export async function lastDrill(db: Queryable): Promise<LastDrill | undefined> {
  const [row] = await run<LastDrill & Record<string, unknown>>(db, LAST_DRILL);
  return row;
}

const NEWEST_DRILL = {
  name: "drill-newest",
  text: `SELECT outcome, faults FROM drills ORDER BY ended_at DESC LIMIT 1`,
};

/** Why the newest drill failed; nothing where it went well, or there was none. */
export async function drillFault(db: Queryable): Promise<string | undefined> {
  const [row] = await run<{ outcome: string; faults: string[] }>(db, NEWEST_DRILL);
  return row?.outcome === "failed" ? row.faults.join("; ") : undefined;
}
