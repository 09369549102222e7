/**
 * What a deploy asks of a stack from within, where Postgres and Redis are reached. It is run in a container of the API, with what that has
 * itself, and ends.
 *
 *     node jobs/operate.ts look              one JSON document: the level of the schema, what is away, how long work waits
 *     node jobs/operate.ts record '[...]'    writes deployments into their table
 *     node jobs/operate.ts history           one JSON document: the newest deployments of their table, oldest first
 *     node jobs/operate.ts rates 3600        one JSON document: how jobs of each kind came in so many seconds, and how long they took
 *
 * Exit: 0 done, 1 failed, 64 wrong usage, 78 wrong configuration.
 */
import type { Redis } from "ioredis";
import { z } from "zod";
import { loadRuntime } from "../configs/runtime.ts";
import { openDatabase, type Queryable } from "./database.ts";
import { readDeployments, recordSchema, writeDeployments } from "./deployments-table.ts";
import { createLog } from "./log.ts";
import { look } from "./look.ts";
import { migrationsFolder, readMigrations } from "./migrations.ts";
import { reasonOf } from "./patience.ts";
import { loadOrExit } from "./process.ts";
import { MOST_SECONDS, readRates } from "./rates.ts";
import { openRedis } from "./redis.ts";

const EXIT_USAGE = 64;

const secondsSchema = z.coerce.number().int().min(1).max(MOST_SECONDS);

/** What it can be asked, and what it is given. */
const COMMANDS = {
  look: (pool, redis) => look(pool, redis, readMigrations(migrationsFolder())),
  record: (pool, _redis, content) => writeDeployments(pool, z.array(recordSchema).parse(JSON.parse(content))),
  history: (pool) => readDeployments(pool),
  rates: (pool, _redis, content) => readRates(pool, secondsSchema.parse(content)),
} as const satisfies Record<string, (pool: Queryable, redis: Redis, content: string) => Promise<unknown>>;

function isCommand(word: string | undefined): word is keyof typeof COMMANDS {
  return word !== undefined && Object.hasOwn(COMMANDS, word);
}

async function main(): Promise<void> {
  const [command, content = ""] = process.argv.slice(2);
  if (!isCommand(command)) {
    process.stderr.write(`operate: got ${JSON.stringify(command)}; allowed are ${Object.keys(COMMANDS).join(", ")}.\n`);
    process.exit(EXIT_USAGE);
  }
  const config = loadOrExit((env) => loadRuntime("api", env));
  const log = createLog("api", "fatal", { onStderr: true });
  const pool = openDatabase({ ...config, DATABASE_POOL_SIZE: 2 }, log);
  const redis = openRedis(config, log);
  redis.connect().catch(() => undefined);
  try {
    const answer = await COMMANDS[command](pool, redis, content);
    if (answer !== undefined) process.stdout.write(`${JSON.stringify(answer)}\n`);
  } catch (error) {
    process.stderr.write(`operate: ${reasonOf(error)}\n`);
    process.exitCode = 1;
  } finally {
    redis.disconnect();
    await pool.end();
  }
}

await main();
