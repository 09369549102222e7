import type { Pool, PoolClient } from "pg";
import { run } from "./database.ts";
import type { WakeUp } from "./job.ts";
import type { Wake } from "./wake.ts";

/**
 * Rows below are numbered by the database, and nobody but the relay moves them. Those above bear the number of their job, and the
 * process that made it is about to hand them to Redis itself (hand-off.ts). Ids pass it four minutes after the start of their epoch.
 */
const FIRST_OF_JOBS = 2 ** 40;

/** Which rows to move: those that are left to the relay, or whatever is there. */
const BELOW = { own: String(FIRST_OF_JOBS), all: String(2n ** 63n - 1n) } as const;

/** Wake-ups moved in one transaction. */
const RELAY_BATCH = 1000;

const TAKE = {
  name: "outbox-take",
  text: `DELETE FROM outbox WHERE id IN (SELECT id FROM outbox WHERE id < $2 ORDER BY id LIMIT $1 FOR UPDATE SKIP LOCKED)
         RETURNING job_id, attempt, queue, priority,
           greatest(0, ceil(extract(epoch FROM run_at - now()) * 1000))::bigint AS delay_ms`,
};

/** Counted since the start of the process. */
export interface RelayCounts {
  /** Wake-ups that were brought to Redis. */
  moved: number;
  /** Passes that failed; what they did not move waits for the next one. */
  failures: number;
}

/** A wake-up as statements give it back. */
export interface WakeUpRow {
  job_id: string;
  attempt: number;
  queue: string;
  priority: number;
  delay_ms: string;
}

export function toWakeUp(row: WakeUpRow): WakeUp {
  const { attempt, queue, priority } = row;
  return { jobId: row.job_id, attempt, queue, priority, delayMs: Number(row.delay_ms) };
}

/**
 * Moves wake-ups from the outbox to Redis until none is left; gives how many. A row is deleted only after Redis has it: when a
 * process dies in between it is moved again, which does nothing. Any number of processes may do it at once.
 *
 * @param rows those that are left to the relay, or all @default all
 */
export async function relayOutbox(pool: Pool, wake: Wake, rows: keyof typeof BELOW = "all"): Promise<number> {
  let total = 0;
  for (;;) {
    const moved = await relayBatch(pool, wake, BELOW[rows]);
    total += moved;
    if (moved < RELAY_BATCH) return total;
  }
}

async function relayBatch(pool: Pool, wake: Wake, below: string): Promise<number> {
  return inTransaction(pool, async (client) => {
    const rows = await run<WakeUpRow>(client, TAKE, [RELAY_BATCH, below]);
    if (rows.length > 0) await wake.add(rows.map(toWakeUp));
    return rows.length;
  });
}

async function inTransaction<T>(pool: Pool, work: (client: PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  let done = false;
  try {
    // A row that comes back after a crash of the database is moved twice, so nobody has to wait for the disk.
    await client.query("BEGIN; SET LOCAL synchronous_commit = off");
    const result = await work(client);
    await client.query("COMMIT");
    done = true;
    return result;
  } finally {
    // What failed goes with its connection: a ROLLBACK on one that is dead would wait as long again as what failed.
    client.release(!done);
  }
}
