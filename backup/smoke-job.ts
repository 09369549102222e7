import { setTimeout as sleep } from "node:timers/promises";
import type { Pool } from "pg";
import { openDatabase } from "../jobs/database.ts";
import { leaseIds } from "../jobs/id-lease.ts";
import sum from "../jobs/kinds/sum.ts";
import type { Logger } from "../jobs/log.ts";
import { openObjects } from "../jobs/objects.ts";
import { createCloseStack, type CloseStack } from "../jobs/process.ts";
import { openBlockingRedis, openRedis } from "../jobs/redis.ts";
import type { Kinds } from "../jobs/registry.ts";
import { insertJob } from "../jobs/store.ts";
import { createWake } from "../jobs/wake.ts";
import { createWorkers, type Workers } from "../worker/create-workers.ts";
import { createInlineRunner } from "../worker/inline-runner.ts";
import type { Agent } from "./agent.ts";
import { SCRATCH_PORT, type ScratchPostgres } from "./scratch-postgres.ts";
import { startScratchRedis, type ScratchRedis } from "./scratch-redis.ts";

/** A queue that no worker of a stack serves: jobs of the restored database are not run here. */
const QUEUE = "restore-check";
const WORKER = "restore-check";
const NUMBERS = [20, 22];

/** How long the job may take, in milliseconds. */
const JOB_MS = 60_000;
const ASK_MS = 50;

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
    const id = await makeJob(pool, log);
    workers.kick();
    await waitForJob(pool, id, agent.signal);
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
  const kinds: Kinds = new Map([[sum.name, sum]]);
  const objects = openObjects(agent.config.OBJECTS_URL);
  const runner = createInlineRunner({ kinds, objects, log, engines: { speech: SILENT } });
  const workers = await createWorkers({
    ...{ pool, redis, blockingRedis, wake, kinds, objects, runner, log },
    ...{ name: WORKER, queues: [QUEUE], concurrency: 1, finishWithinMs: 1000 },
  });
  stack.add("worker", () => workers.close());
  return workers;
}

/** Sums need no voice. */
const SILENT = {
  name: "silent",
  speak: async () => new Uint8Array(),
  check: async () => undefined,
};

async function makeJob(pool: Pool, log: Logger): Promise<string> {
  const ids = await leaseIds(pool, log);
  try {
    const id = ids.next();
    await insertJob(pool, { id, tenant: QUEUE, kind: sum.name, queue: QUEUE, params: { numbers: NUMBERS } });
    return id;
  } finally {
    await ids.close();
  }
}

async function waitForJob(pool: Pool, id: string, signal: AbortSignal): Promise<void> {
  const wanted = NUMBERS.reduce((total, number) => total + number, 0);
  const deadline = performance.now() + JOB_MS;
  for (;;) {
    const { rows } = await pool.query<{ state: string; result: unknown }>(
      "SELECT state, result FROM jobs WHERE id = $1",
      [id],
    );
    const { state = "gone", result = null } = rows[0] ?? {};
    if (state === "succeeded" && JSON.stringify(result) === JSON.stringify({ sum: wanted })) return;
    if (state === "succeeded" || state === "dead" || state === "gone" || performance.now() > deadline)
      throw new Error(
        `restore: the smoke job on the restored database is ${state} with ${JSON.stringify(result)}, must succeed with ${wanted}; ` +
          `its log is above, and the data serves nobody yet`,
      );
    await sleep(ASK_MS, undefined, { signal });
  }
}

/** As superuser, on a connection of its own: it has to work also where the rest did not. */
async function removeTraces(agent: Agent, postgres: ScratchPostgres): Promise<void> {
  if (agent.signal.aborted) return; // The folder begins anew.
  const client = await postgres.connect(agent.config.DATABASE_NAME);
  try {
    await client.query("BEGIN");
    await client.query("DELETE FROM attempts WHERE job_id IN (SELECT id FROM jobs WHERE queue = $1)", [QUEUE]);
    await client.query("DELETE FROM outbox WHERE queue = $1", [QUEUE]);
    await client.query("DELETE FROM jobs WHERE queue = $1", [QUEUE]);
    await client.query("DELETE FROM workers WHERE name = $1", [WORKER]);
    await client.query("COMMIT");
  } finally {
    await client.end();
  }
}
