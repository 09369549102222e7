import { DatabaseError, type Client } from "pg";
import { LOCK_TIMEOUT_MS, untilLocked } from "./lock-patience.ts";
import type { Logger } from "./log.ts";
import { findDestructive, neededLevel, type Migration } from "./migrations.ts";

/** The role that services use: data only, no schema. */
const APP_ROLE = "slipway_app";

/** Number of the advisory lock that lets one migrate run at a time. Any constant of our own. */
const MIGRATE_LOCK = 7_331_000;

/** How long a second migrate may wait for the first. */
const RUN_TIMEOUT = "10min";

const LEDGER = `CREATE TABLE IF NOT EXISTS schema_migrations (
  version integer PRIMARY KEY, name text NOT NULL, checksum text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())`;

/** Said of each, whoever's files are at hand later: a release that knows nothing of it may ask whether it can run on this database. */
const LEDGER_PHASE = `ALTER TABLE schema_migrations ADD COLUMN IF NOT EXISTS phase text`;

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
  /** How long locks are waited for that others hold, in milliseconds. @default 300,000 */
  readonly lockPatienceMs?: number;
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
  await client.query(`SET lock_timeout = ${LOCK_TIMEOUT_MS}`);
  const locks = { client, log, forMs: options.lockPatienceMs };
  try {
    await client.query(LEDGER);
    await untilLocked(() => client.query(LEDGER_PHASE), { ...locks, what: "schema_migrations" });
    const unapplied = await findPending(client, migrations);
    refuseDestructive(unapplied, options);
    const { pending, waiting, why } = await holdBack(client, migrations, unapplied);
    for (const { file } of waiting) log.warn({ file, why }, "a migration waits until no release of before runs");
    for (const migration of pending) {
      const started = performance.now();
      await untilLocked(() => apply(client, migration), { ...locks, what: migration.file }).catch((error: unknown) => {
        throw new MigrationFailed(migration.file, describe(error, migration.sql), { cause: error });
      });
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
  // Those that were applied before there were phases.
  const told = migrations.filter(({ version }) => applied.has(version));
  await client.query(
    `UPDATE schema_migrations SET phase = told.phase FROM unnest($1::int[], $2::text[]) told (version, phase)
     WHERE schema_migrations.version = told.version AND schema_migrations.phase IS NULL`,
    [told.map(({ version }) => version), told.map(({ phase }) => phase)],
  );
  return migrations.filter((migration) => !applied.has(migration.version));
}

/** Services of a release that use the schema, by the level that their code needs: jobs/database.ts tells the server. */
const OLD_SERVICES = `SELECT application_name || ' (' || count(*) || ')' AS name FROM pg_stat_activity
  WHERE datname = current_database() AND application_name ~ '^slipway-(api|worker|marker)'
    AND coalesce(substring(application_name FROM '/([0-9]+)$')::int, 0) < $1
  GROUP BY application_name ORDER BY application_name`;

/** What is applied now, and what has to wait for services of before to go, and for which. */
interface Held {
  readonly pending: readonly Migration[];
  readonly waiting: readonly Migration[];
  readonly why: string;
}

async function holdBack(
  client: Client,
  migrations: readonly Migration[],
  unapplied: readonly Migration[],
): Promise<Held> {
  for (const [index, { version, file, phase }] of unapplied.entries()) {
    if (phase !== "contract") continue;
    const needs = neededLevel(migrations.filter((one) => one.version < version));
    const { rows } = await client.query<{ name: string }>(OLD_SERVICES, [needs]);
    if (rows.length === 0) continue;
    const why = `services of before migration ${needs} run: ${rows.map(({ name }) => name).join(", ")}`;
    const waiting = unapplied.slice(index);
    const needed = waiting.find((one) => one.phase !== "contract");
    if (needed !== undefined)
      throw new MigrationFailed(
        file,
        `has to wait, as ${why}; and ${needed.file} behind it cannot. Deploy a release that ends before ${needed.file} first, then this one`,
      );
    return { pending: unapplied.slice(0, index), waiting, why };
  }
  return { pending: unapplied, waiting: [], why: "" };
}

function refuseDestructive(pending: readonly Migration[], options: MigrateOptions): void {
  if (options.allowDestructive === true) return;
  // The others say by their phase that they take something away.
  for (const migration of pending.filter(({ phase }) => phase === "expand")) {
    const found = findDestructive(migration);
    if (found !== undefined) {
      throw new MigrationFailed(
        migration.file,
        `holds "${found}", which destroys data and is no expand; say -- phase: contract or incompatible, or make a backup and run with --allow-destructive`,
      );
    }
  }
}

async function apply(client: Client, migration: Migration): Promise<void> {
  await client.query("BEGIN");
  try {
    await client.query(migration.sql);
    await client.query("INSERT INTO schema_migrations (version, name, checksum, phase) VALUES ($1, $2, $3, $4)", [
      migration.version,
      migration.file,
      migration.checksum,
      migration.phase,
    ]);
    await client.query("COMMIT");
  } catch (error) {
    await client.query("ROLLBACK").catch(() => undefined);
    throw error;
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
