import type { Redis } from "ioredis";
import type { Pool } from "pg";
import { run } from "./database.ts";
import type { WakeUp } from "./job.ts";
import type { Logger } from "./log.ts";
import { toWakeUp, type WakeUpRow } from "./relay.ts";
import { QUEUE_PREFIX, type Wake } from "./wake.ts";

/** Jobs compared with Redis in one step. */
const BATCH = 1000;
/** Jobs put into Redis in one step when it is filled. */
const FILL_BATCH = 5000;
/** How long the identity of Redis is believed while the connection stands, in milliseconds. */
const IDENTITY_AGE_MS = 30_000;

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
  /**
   * Checks the next part of the jobs that should have started by now, and goes on while it finds something; gives how many wake-ups
   * were missing.
   */
  checkNext(): Promise<number>;
}

export function createReconciler(deps: {
  readonly pool: Pool;
  readonly redis: Redis;
  readonly wake: Wake;
  readonly log: Logger;
}): Reconciler {
  const { pool, redis, wake, log } = deps;
  const identity = createIdentity(redis);
  let cursor = "0";
  async function checkPage(): Promise<number> {
    const rows = await run<WakeUpRow>(pool, OVERDUE, [cursor, BATCH]);
    cursor = rows.length < BATCH ? "0" : (rows.at(-1)?.job_id ?? "0");
    return addMissing(wake, rows.map(toWakeUp));
  }
  return {
    fillIfLost: async () => {
      const [now, filled] = await Promise.all([identity(), redis.get(FILLED_KEY)]);
      return filled === now ? 0 : fill(pool, redis, wake, log, now);
    },
    checkNext: async () => {
      let total = 0;
      for (let missing = -1; missing !== 0 && (missing < 0 || cursor !== "0"); total += missing)
        missing = await checkPage();
      return total;
    },
  };
}

async function addMissing(wake: Wake, wakeUps: readonly WakeUp[]): Promise<number> {
  const missing = wakeUps.length === 0 ? [] : await wake.missing(wakeUps);
  if (missing.length > 0) await wake.add(missing);
  return missing.length;
}

/** Asked once a connection and every half minute, not every time. */
function createIdentity(redis: Redis): () => Promise<string> {
  let known: { readonly id: string; readonly until: number } | undefined;
  redis.on("close", () => {
    known = undefined;
  });
  return async () => {
    if (known && performance.now() < known.until) return known.id;
    known = { id: await redisIdentity(redis), until: performance.now() + IDENTITY_AGE_MS };
    return known.id;
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
    const rows = await run<WakeUpRow>(pool, PENDING, [after, FILL_BATCH]);
    added += await addMissing(wake, rows.map(toWakeUp));
    if (rows.length < FILL_BATCH) return added;
    after = rows.at(-1)?.job_id ?? after;
  }
}
