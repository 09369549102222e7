import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/**
 * What a migration does to releases that run beside it; the first line of its file says which, as `-- phase: expand`.
 *
 * - `expand`: those of before go on working.
 * - `contract`: takes away what no release has used since the newest migration of another phase before it. It waits until none runs that
 *   does not know that one.
 * - `incompatible`: those of before stop working. There is no way back over it but a restore.
 */
export const PHASES = ["expand", "contract", "incompatible"] as const;
export type Phase = (typeof PHASES)[number];

/** One file of SQL, run once in a transaction of its own. */
export interface Migration {
  readonly version: number;
  readonly file: string;
  readonly phase: Phase;
  readonly sql: string;
  /** Of the text without the line of its phase, in hex: what was applied must not change. */
  readonly checksum: string;
}

/** The migration files are not as they must be. */
export class MigrationFilesError extends Error {
  override readonly name = "MigrationFilesError";
}

const PHASE = new RegExp(`^-- phase: (?<phase>${PHASES.join("|")})\n`);

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
 * @throws MigrationFilesError for a wrong file name, a number twice or a gap, and a file that does not say its phase
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
    const phase = phaseOf(file, sql);
    const checksum = createHash("sha256").update(sql.replace(PHASE, "")).digest("hex");
    return { version, file, phase, sql, checksum };
  });
}

function phaseOf(file: string, sql: string): Phase {
  const found = PHASES.find((phase) => phase === PHASE.exec(sql)?.groups?.["phase"]);
  if (found !== undefined) return found;
  const first = JSON.stringify(sql.split("\n")[0]?.slice(0, 60));
  throw new MigrationFilesError(
    `${file}: its first line is ${first}, must be -- phase: and one of ${PHASES.join(", ")}; docs/deploys.md says which is which`,
  );
}

/** The level that code with these files needs: its newest migration but for those that take away what is not used any more. */
export function neededLevel(migrations: readonly Migration[]): number {
  return migrations.findLast(({ phase }) => phase !== "contract")?.version ?? 0;
}

/** Statements after which data is gone, or a release before this one cannot work. */
const DESTRUCTIVE =
  /\b(DROP\s+(TABLE|COLUMN|SCHEMA|DATABASE)|TRUNCATE|DELETE\s+FROM|ALTER\s+COLUMN\s+\S+\s+(SET\s+DATA\s+)?TYPE|RENAME)\b/i;

/** The first destructive statement of a migration, as it is written, or `undefined`. Comments do not count. */
export function findDestructive(migration: Migration): string | undefined {
  return DESTRUCTIVE.exec(migration.sql.replace(/--.*$/gm, ""))?.[0];
}
