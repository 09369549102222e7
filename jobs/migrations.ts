import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** One file of SQL, run once in a transaction of its own. */
export interface Migration {
  readonly version: number;
  readonly file: string;
  readonly sql: string;
  /** Of the text, in hex: an applied file must not change. */
  readonly checksum: string;
}

/** The migration files are not as they must be. */
export class MigrationFilesError extends Error {
  override readonly name = "MigrationFilesError";
}

const FILE = /^(?<version>\d{4})-[a-z0-9-]+\.sql$/;

/** The folder `migrations` beside this program: beside the bundle, or beside this source. */
export function migrationsFolder(): string {
  const folder = join(dirname(fileURLToPath(import.meta.url)), "migrations");
  if (!existsSync(folder)) {
    throw new MigrationFilesError(`there is no folder ${folder}; copy jobs/migrations beside the program`);
  }
  return folder;
}

/**
 * Reads all migrations in order.
 *
 * @throws MigrationFilesError for a wrong file name, a number twice or a gap
 */
export function readMigrations(folder: string): Migration[] {
  const files = readdirSync(folder).sort();
  return files.map((file, index) => {
    const version = Number(FILE.exec(file)?.groups?.["version"]);
    if (version !== index + 1) {
      const expected = String(index + 1).padStart(4, "0");
      throw new MigrationFilesError(
        `${file}: allowed at this place is ${expected}-name.sql (a-z, 0-9, -); rename the file`,
      );
    }
    const sql = readFileSync(join(folder, file), "utf8");
    return { version, file, sql, checksum: createHash("sha256").update(sql).digest("hex") };
  });
}

/** Statements after which data is gone, or a release before this one cannot work. */
const DESTRUCTIVE =
  /\b(DROP\s+(TABLE|COLUMN|SCHEMA|DATABASE)|TRUNCATE|DELETE\s+FROM|ALTER\s+COLUMN\s+\S+\s+(SET\s+DATA\s+)?TYPE|RENAME)\b/i;

/** The first destructive statement of a migration, as it is written, or `undefined`. Comments do not count. */
export function findDestructive(migration: Migration): string | undefined {
  return DESTRUCTIVE.exec(migration.sql.replace(/--.*$/gm, ""))?.[0];
}
