import type { Pool } from "pg";
import { openDatabase } from "../jobs/database.ts";
import type { Logger } from "../jobs/log.ts";
import { openObjects } from "../jobs/objects.ts";
import { createCloseStack, type CloseStack } from "../jobs/process.ts";
import { openBlockingRedis, openRedis } from "../jobs/redis.ts";
import { createWake } from "../jobs/wake.ts";
import { createWorkers, type Workers } from "../worker/create-workers.ts";
import type { Agent } from "./agent.ts";
import { SCRATCH_PORT, type ScratchPostgres } from "./scratch-postgres.ts";
import { makeSmokeJob, removeSmoke, SMOKE_QUEUE, SMOKE_WORKER, smokeWork, waitForSmokeJob } from "./smoke-order.ts";
import { startScratchRedis, type ScratchRedis } from "./scratch-redis.ts";

/**
 * Runs one job on a restored database as the product does: made by the job store, brought to a Redis by the outbox, claimed and ended by
 * a worker. Then takes out what it left.
 *
 * @throws Error where the job does not come to the right end
 */
export async function runSmokeJob(agent: Agent, postgres: ScratchPostgres): Promise<void> {
  agent.progress({ step: "smoke job" });
  const log = agent.log.child({ check: "smoke job" }, { level: "warn" });
  const stack = createCloseStack(agent.log);
  try {
    const redis = await startScratchRedis(agent.scratch, agent.signal);
    stack.add("redis server", () => redis.stop());
    const pool = openPool(agent, postgres, log);
    stack.add("database", () => pool.end());
    const workers = await startWorkers(agent, pool, redis, log, stack);
    const id = await makeSmokeJob(pool, log);
    workers.kick();
    await waitForSmokeJob(pool, id, agent.signal);
  } finally {
    await stack.close();
    await removeTraces(agent, postgres);
  }
}

/** With the rights of the product's role, which may not log in where the backup is of another slot of its credentials than serves now. */
function openPool(agent: Agent, postgres: ScratchPostgres, log: Logger): Pool {
  const place = { DATABASE_HOST: postgres.socketDirectory, DATABASE_PORT: SCRATCH_PORT, DATABASE_TLS: "off" } as const;
  const login = { DATABASE_USER: "postgres", DATABASE_ROLE: "slipway_app" } as const;
  return openDatabase({ ...agent.config, ...place, ...login, DATABASE_POOL_SIZE: 5 }, log);
}

async function startWorkers(
  agent: Agent,
  pool: Pool,
  server: ScratchRedis,
  log: Logger,
  stack: CloseStack,
): Promise<Workers> {
  const place = { REDIS_HOST: "127.0.0.1", REDIS_PORT: server.port, REDIS_TLS: "off" } as const;
  const settings = { ...place, secrets: { "redis-password": server.password } };
  const redis = openRedis(settings, log);
  await redis.connect();
  const blockingRedis = openBlockingRedis(settings, log);
  stack.add("redis", async () => {
    redis.disconnect();
    blockingRedis.disconnect();
  });
  const wake = createWake(redis, log);
  stack.add("queues", () => wake.close());
  const objects = openObjects(agent.config.OBJECTS_URL);
  const doing = smokeWork(objects, log);
  const workers = await createWorkers({
    ...{ ...doing, pool, redis, blockingRedis, wake },
    ...{ name: SMOKE_WORKER, queues: [SMOKE_QUEUE], concurrency: 1, finishWithinMs: 1000 },
  });
  stack.add("worker", () => workers.close());
  return workers;
}

/** As superuser, on a connection of its own: it has to work also where the rest did not. */
async function removeTraces(agent: Agent, postgres: ScratchPostgres): Promise<void> {
  if (agent.signal.aborted) return; // The folder begins anew.
  const client = await postgres.connect(agent.config.DATABASE_NAME);
  try {
    await removeSmoke(client);
  } finally {
    await client.end();
  }
}
