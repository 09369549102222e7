/**
 * What a deploy asks of a stack from within, where Postgres and Redis are reached. It is run in a container of the API, with what that has
 * itself, and ends.
 *
 *     node jobs/operate.ts look              one JSON document: the level of the schema, what is away, how long work waits
 *     node jobs/operate.ts record '[...]'    writes deployments into their table
 *
 * Exit: 0 done, 1 failed, 64 wrong usage, 78 wrong configuration.
 */
import { z } from "zod";
import { loadRuntime } from "../configs/runtime.ts";
import { openDatabase } from "./database.ts";
import { recordSchema, writeDeployments } from "./deployments-table.ts";
import { createLog } from "./log.ts";
import { look } from "./look.ts";
import { migrationsFolder, readMigrations } from "./migrations.ts";
import { reasonOf } from "./patience.ts";
import { loadOrExit } from "./process.ts";
import { openRedis } from "./redis.ts";

const EXIT_USAGE = 64;

async function main(): Promise<void> {
  const [command, content = ""] = process.argv.slice(2);
  if (command !== "look" && command !== "record") {
    process.stderr.write(`operate: got ${JSON.stringify(command)}; allowed are look and record '[...]'.\n`);
    process.exit(EXIT_USAGE);
  }
  const config = loadOrExit((env) => loadRuntime("api", env));
  const log = createLog("api", "fatal", { onStderr: true });
  const pool = openDatabase({ ...config, DATABASE_POOL_SIZE: 2 }, log);
  const redis = openRedis(config, log);
  redis.connect().catch(() => undefined);
  try {
    if (command === "record") await writeDeployments(pool, z.array(recordSchema).parse(JSON.parse(content)));
    else process.stdout.write(`${JSON.stringify(await look(pool, redis, readMigrations(migrationsFolder())))}\n`);
  } catch (error) {
    process.stderr.write(`operate: ${reasonOf(error)}\n`);
    process.exitCode = 1;
  } finally {
    redis.disconnect();
    await pool.end();
  }
}

await main();
