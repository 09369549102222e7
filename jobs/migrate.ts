/**
 * Runs the migrations of the database, as the role that owns the schema, and ends.
 *
 *     node jobs/migrate.ts [--dry-run] [--allow-destructive]
 *
 * `--dry-run` reaches no database and prints the SQL of every migration. Exit: 0 done, 1 failed, 64 wrong usage, 78 wrong
 * configuration.
 */
import { parseArgs } from "node:util";
import { Client } from "pg";
import { loadRuntime, type DatabaseConfig } from "../configs/runtime.ts";
import { connectionOptions } from "./database.ts";
import { createLog, type Logger } from "./log.ts";
import { migrate } from "./migrate-run.ts";
import { migrationsFolder, readMigrations } from "./migrations.ts";
import { reasonOf, untilItWorks } from "./patience.ts";
import { loadOrExit } from "./process.ts";

const EXIT_USAGE = 64;

function readFlags(): { dryRun: boolean; allowDestructive: boolean } {
  try {
    const { values } = parseArgs({
      options: { "dry-run": { type: "boolean" }, "allow-destructive": { type: "boolean" } },
    });
    return { dryRun: values["dry-run"] === true, allowDestructive: values["allow-destructive"] === true };
  } catch (error) {
    process.stderr.write(`migrate: ${reasonOf(error)}. Allowed: --dry-run, --allow-destructive.\n`);
    process.exit(EXIT_USAGE);
  }
}

function printSql(): void {
  for (const { file, sql } of readMigrations(migrationsFolder())) process.stdout.write(`-- ${file}\n${sql}\n`);
}

async function connect(config: DatabaseConfig, log: Logger): Promise<Client> {
  const what = `database ${config.DATABASE_NAME} at ${config.DATABASE_HOST}:${config.DATABASE_PORT}`;
  return untilItWorks(
    async () => {
      const client = new Client(connectionOptions(config));
      client.on("error", (error) => {
        log.error({ err: error }, "the connection to the database broke");
      });
      await client.connect();
      return client;
    },
    { what, log },
  );
}

async function main(): Promise<void> {
  const flags = readFlags();
  if (flags.dryRun) {
    printSql();
    return;
  }
  const config = loadOrExit((env) => loadRuntime("migrate", env));
  const log = createLog("migrate", config.logLevel);
  try {
    const migrations = readMigrations(migrationsFolder());
    const client = await connect(config, log);
    const applied = await migrate(client, migrations, log, flags);
    await client.end();
    log.info({ applied }, applied.length === 0 ? "the database is up to date" : "the database was migrated");
  } catch (error) {
    log.fatal({ err: error }, `migration failed: ${reasonOf(error)}`);
    process.exit(1);
  }
}

await main();
