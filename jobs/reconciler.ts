import type { Redis } from "ioredis";
import type { Pool } from "pg";
import { run } from "./database.ts";
import type { Logger } from "./log.ts";
import { toWakeUp, type WakeUpRow } from "./relay.ts";
import { QUEUE_PREFIX, type Wake } from "./wake.ts";

/** Jobs compared with Redis in one step. */
const BATCH = 1000;

/** Holds the identity of the Redis process that is known to hold every wake-up. */
const FILLED_KEY = `${QUEUE_PREFIX}:filled`;
const FILLING_KEY = `${QUEUE_PREFIX}:filling`;

/** Number of the advisory lock under which one process at a time fills Redis. Any constant of our own. */
const FILL_LOCK = 7_331_001;

const columns = `id AS job_id, attempt, queue, priority,
                 greatest(0, ceil(extract(epoch FROM run_at - now()) * 1000))::bigint AS delay_ms`;
const PENDING = {
  name: "pending",
  text: `SELECT ${columns} FROM jobs WHERE state IN ('queued', 'retrying') AND id > $1 ORDER BY id LIMIT $2`,
};
const OVERDUE = {
  name: "overdue",
  // Younger ones are on their way; the relay has them.
  text: `SELECT ${columns} FROM jobs WHERE state IN ('queued', 'retrying') AND id > $1
           AND run_at < now() - interval '5 s' ORDER BY id LIMIT $2`,
};

/** Compares Postgres with Redis and puts back what Redis lost. Every step may run many times over. */
export interface Reconciler {
  /** Looks whether Redis was wiped or replaced, and fills it again if so; gives how many wake-ups were added. */
  fillIfLost(): Promise<number>;
  /** Checks the next part of the jobs that should have started by now; gives how many wake-ups were missing. */
  checkNext(): Promise<number>;
}

export function createReconciler(deps: {
  readonly pool: Pool;
  readonly redis: Redis;
  readonly wake: Wake;
  readonly log: Logger;
}): Reconciler {
  const { pool, redis, wake, log } = deps;
  let cursor = "0";
  return {
    fillIfLost: async () => {
      const identity = await redisIdentity(redis);
      if ((await redis.get(FILLED_KEY)) === identity) return 0;
      return fill(pool, redis, wake, log, identity);
    },
    checkNext: async () => {
      const rows = await run<WakeUpRow>(pool, OVERDUE, [cursor, BATCH]);
      cursor = rows.length < BATCH ? "0" : (rows.at(-1)?.job_id ?? "0");
      const missing = rows.length === 0 ? [] : await wake.missing(rows.map(toWakeUp));
      if (missing.length > 0) await wake.add(missing);
      return missing.length;
    },
  };
}

/** Another process id means another memory: a restart, a failover, or an old snapshot. */
async function redisIdentity(redis: Redis): Promise<string> {
  const id = /^run_id:(?<id>\w+)/m.exec(await redis.info("server"))?.groups?.["id"];
  if (id === undefined) throw new Error("Redis does not tell its run_id in INFO server");
  return id;
}

async function fill(pool: Pool, redis: Redis, wake: Wake, log: Logger, identity: string): Promise<number> {
  const client = await pool.connect();
  try {
    const { rows } = await client.query<{ mine: boolean }>(`SELECT pg_try_advisory_lock(${FILL_LOCK}) AS mine`);
    if (rows[0]?.mine !== true) return 0;
    try {
      await redis.set(FILLING_KEY, identity);
      const added = await addAllPending(pool, wake);
      // The rename fails when Redis was wiped while it was filled, and the next tick begins again.
      await redis.rename(FILLING_KEY, FILLED_KEY);
      log.info({ added }, "Redis was filled from Postgres");
      return added;
    } finally {
      await client.query(`SELECT pg_advisory_unlock(${FILL_LOCK})`);
    }
  } finally {
    client.release();
  }
}

async function addAllPending(pool: Pool, wake: Wake): Promise<number> {
  let added = 0;
  for (let after = "0"; ;) {
    const rows = await run<WakeUpRow>(pool, PENDING, [after, BATCH]);
    if (rows.length > 0) await wake.add(rows.map(toWakeUp));
    added += rows.length;
    if (rows.length < BATCH) return added;
    after = rows.at(-1)?.job_id ?? after;
  }
}
