import { DatabaseError, type Client } from "pg";
import type { Logger } from "./log.ts";
import { findDestructive, type Migration } from "./migrations.ts";

/** The role that services use: data only, no schema. */
const APP_ROLE = "slipway_app";

/** Number of the advisory lock that lets one migrate run at a time. Any constant of our own. */
const MIGRATE_LOCK = 7_331_000;

/** How long a statement may wait for a lock, and how long a second migrate may wait for the first. */
const LOCK_TIMEOUT = "10s";
const RUN_TIMEOUT = "10min";

const LEDGER = `CREATE TABLE IF NOT EXISTS schema_migrations (
  version integer PRIMARY KEY, name text NOT NULL, checksum text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())`;

/** Repeated on every run: it also holds for a role that was made after the tables. */
const GRANTS = `DO $$ BEGIN
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = '${APP_ROLE}') THEN
    GRANT USAGE ON SCHEMA public TO ${APP_ROLE};
    GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO ${APP_ROLE};
    GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO ${APP_ROLE};
    REVOKE INSERT, UPDATE, DELETE ON schema_migrations FROM ${APP_ROLE};
  END IF;
END $$`;

/** A migration that was refused or failed; nothing of it is left in the database. */
export class MigrationFailed extends Error {
  override readonly name = "MigrationFailed";
  readonly file: string;

  constructor(file: string, reason: string, options?: ErrorOptions) {
    super(`${file}: ${reason}`, options);
    this.file = file;
  }
}

export interface MigrateOptions {
  /** Lets through statements that destroy data. @default false */
  readonly allowDestructive?: boolean;
}

/**
 * Brings a database to the newest migration, as the role that owns the schema. Several at once are safe: one works, the
 * others wait and find nothing to do. A database that is newer than these files is left as it is.
 *
 * @returns the files that were applied
 * @throws MigrationFailed with file, place and reason
 */
export async function migrate(
  client: Client,
  migrations: readonly Migration[],
  log: Logger,
  options: MigrateOptions = {},
): Promise<string[]> {
  await client.query(`SET lock_timeout = '${RUN_TIMEOUT}'`);
  await client.query(`SELECT pg_advisory_lock(${MIGRATE_LOCK})`);
  await client.query(`SET lock_timeout = '${LOCK_TIMEOUT}'`);
  try {
    await client.query(LEDGER);
    const pending = await findPending(client, migrations);
    refuseDestructive(pending, options);
    for (const migration of pending) {
      const started = performance.now();
      await apply(client, migration);
      log.info({ file: migration.file, milliseconds: Math.round(performance.now() - started) }, "migration applied");
    }
    await client.query(GRANTS);
    return pending.map((migration) => migration.file);
  } finally {
    await client.query(`SELECT pg_advisory_unlock(${MIGRATE_LOCK})`).catch(() => undefined);
  }
}

async function findPending(client: Client, migrations: readonly Migration[]): Promise<Migration[]> {
  const { rows } = await client.query<{ version: number; checksum: string }>(
    "SELECT version, checksum FROM schema_migrations ORDER BY version",
  );
  const applied = new Map(rows.map((row) => [row.version, row.checksum]));
  for (const { version, file, checksum } of migrations) {
    const known = applied.get(version);
    if (known !== undefined && known !== checksum) {
      throw new MigrationFailed(file, "was changed after it was applied; restore the file and write a new migration");
    }
  }
  return migrations.filter((migration) => !applied.has(migration.version));
}

function refuseDestructive(pending: readonly Migration[], options: MigrateOptions): void {
  if (options.allowDestructive === true) return;
  for (const migration of pending) {
    const found = findDestructive(migration);
    if (found !== undefined) {
      throw new MigrationFailed(
        migration.file,
        `holds "${found}", which destroys data; make a backup, then run with --allow-destructive`,
      );
    }
  }
}

async function apply(client: Client, migration: Migration): Promise<void> {
  await client.query("BEGIN");
  try {
    await client.query(migration.sql);
    await client.query("INSERT INTO schema_migrations (version, name, checksum) VALUES ($1, $2, $3)", [
      migration.version,
      migration.file,
      migration.checksum,
    ]);
    await client.query("COMMIT");
  } catch (error) {
    await client.query("ROLLBACK").catch(() => undefined);
    throw new MigrationFailed(migration.file, describe(error, migration.sql), { cause: error });
  }
}

/** Place and reason, such as `line 3, column 7: syntax error at or near "TABEL" (42601)`. */
function describe(error: unknown, sql: string): string {
  if (!(error instanceof DatabaseError)) return error instanceof Error ? error.message : String(error);
  const position = Number(error.position ?? Number.NaN);
  const before = sql.slice(0, position - 1).split("\n");
  const place = Number.isNaN(position) ? "" : `line ${before.length}, column ${(before.at(-1) ?? "").length + 1}: `;
  return `${place}${error.message} (${error.code ?? "no code"})`;
}

/** Level of a database: the newest applied migration, 0 before the first. */
export const SCHEMA_LEVEL_QUERY = {
  name: "schema-level",
  text: `SELECT coalesce(max(version), 0) AS level FROM schema_migrations`,
};
