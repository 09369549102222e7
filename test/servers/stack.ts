import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { Client, type Pool } from "pg";
import { loadRuntime } from "../../configs/runtime.ts";
import { connectionOptions, openDatabase } from "../../jobs/database.ts";
import type { Logger } from "../../jobs/log.ts";
import { migrate } from "../../jobs/migrate-run.ts";
import { migrationsFolder, readMigrations } from "../../jobs/migrations.ts";
import { TEST_KEYS } from "./credentials.ts";
import { query, startPostgres, type TestPostgres } from "./postgres.ts";
import { startRedis, type TestRedis } from "./redis.ts";

/** Log lines of a test, as objects. */
export interface TestLog {
  readonly log: Logger;
  readonly lines: Record<string, unknown>[];
}

/** A logger that keeps its lines. */
export function createTestLog(): TestLog {
  const lines: Record<string, unknown>[] = [];
  const log = pino(
    { level: "debug" },
    { write: (line: string) => lines.push(JSON.parse(line) as Record<string, unknown>) },
  );
  return { log, lines };
}

/** Postgres, Redis, an object folder and secrets, as a stack would give them to a process. */
export interface TestStack {
  readonly postgres: TestPostgres;
  readonly redis: TestRedis;
  readonly database: string;
  /** Folder of the object store. */
  readonly objects: string;
  /** Environment of a process under the role of the services. */
  readonly env: Readonly<Record<string, string>>;
  /** Connections under the role of the services. */
  readonly pool: Pool;
  /** Runs SQL in the database that no service may run. */
  asSuperuser(sql: string): Promise<Record<string, unknown>[]>;
  /** Empties every table, and Redis. */
  reset(): Promise<void>;
  close(): Promise<void>;
}

/** A job's first row in the outbox bears the job's number, and tests give small ones: the database begins beyond them. */
const SMALL_IDS = "ALTER TABLE outbox ALTER COLUMN id RESTART WITH 1000000000";

/** Starts servers, with settings of their own where a test needs them, and migrates a database. */
export async function startStack(
  options: { migrate?: boolean; postgres?: readonly string[]; postgresFolder?: string; redis?: readonly string[] } = {},
): Promise<TestStack> {
  const [postgres, redis] = await Promise.all([
    startPostgres(options.postgres, options.postgresFolder),
    startRedis("redis-secret", options.redis),
  ]);
  const database = await postgres.createDatabase();
  const folder = mkdtempSync(join(tmpdir(), "slipway-stack-"));
  const env = environment(folder, database, postgres.port, redis.port);
  if (options.migrate !== false) {
    await migrateDatabase(env);
    await query(postgres.port, SMALL_IDS, database);
  }
  const pool = openDatabase(loadRuntime("api", env), createTestLog().log);
  return {
    postgres,
    redis,
    database,
    objects: join(folder, "objects"),
    env,
    pool,
    asSuperuser: (sql) => query(postgres.port, sql, database),
    reset: async () => {
      await pool.query(
        `DELETE FROM attempts; DELETE FROM artifacts; DELETE FROM jobs; DELETE FROM outbox; DELETE FROM workers;
         DELETE FROM batches; DELETE FROM idempotency_keys;`,
      );
      await redis.command("FLUSHALL");
    },
    close: async () => {
      await pool.end();
      await Promise.all([postgres.close(), redis.close()]);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Applies all migrations as the owner. */
export async function migrateDatabase(env: Readonly<Record<string, string>>): Promise<void> {
  const client = new Client(connectionOptions(loadRuntime("migrate", { ...env, DATABASE_USER: "slipway_owner" })));
  await client.connect();
  try {
    await migrate(client, readMigrations(migrationsFolder()), createTestLog().log);
  } finally {
    await client.end();
  }
}

function environment(
  folder: string,
  database: string,
  postgresPort: number,
  redisPort: number,
): Record<string, string> {
  const [objects, secrets] = [join(folder, "objects"), join(folder, "secrets")];
  for (const path of [objects, secrets]) mkdirSync(path);
  writeFileSync(join(secrets, "database-password"), "unused-by-trust\n");
  writeFileSync(join(secrets, "redis-password"), "redis-secret\n");
  for (const [name, keys] of Object.entries(TEST_KEYS)) writeFileSync(join(secrets, name), JSON.stringify({ keys }));
  return {
    APP_ENV: "test",
    DATABASE_HOST: "127.0.0.1",
    DATABASE_PORT: String(postgresPort),
    DATABASE_NAME: database,
    DATABASE_USER: "slipway_app",
    REDIS_HOST: "127.0.0.1",
    REDIS_PORT: String(redisPort),
    OBJECTS_URL: `file://${objects}`,
    SECRETS_DIR: secrets,
    HOST: "127.0.0.1",
    DRAIN_LINGER_SECONDS: "0",
  };
}
