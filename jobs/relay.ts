import type { Pool, PoolClient } from "pg";
import { run } from "./database.ts";
import type { WakeUp } from "./job.ts";
import type { Wake } from "./wake.ts";

/** Wake-ups moved in one transaction. */
const RELAY_BATCH = 1000;

const TAKE = {
  name: "outbox-take",
  text: `DELETE FROM outbox WHERE id IN (SELECT id FROM outbox ORDER BY id LIMIT $1 FOR UPDATE SKIP LOCKED)
         RETURNING job_id, attempt, queue, priority,
           greatest(0, ceil(extract(epoch FROM run_at - now()) * 1000))::bigint AS delay_ms`,
};

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
 */
export async function relayOutbox(pool: Pool, wake: Wake): Promise<number> {
  let total = 0;
  for (;;) {
    const moved = await relayBatch(pool, wake);
    total += moved;
    if (moved < RELAY_BATCH) return total;
  }
}

async function relayBatch(pool: Pool, wake: Wake): Promise<number> {
  return inTransaction(pool, async (client) => {
    const rows = await run<WakeUpRow>(client, TAKE, [RELAY_BATCH]);
    if (rows.length > 0) await wake.add(rows.map(toWakeUp));
    return rows.length;
  });
}

async function inTransaction<T>(pool: Pool, work: (client: PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  let broken: Error | undefined;
  try {
    // A row that comes back after a crash of the database is moved twice, so nobody has to wait for the disk.
    await client.query("BEGIN; SET LOCAL synchronous_commit = off");
    const result = await work(client);
    await client.query("COMMIT");
    return result;
  } catch (error) {
    await client.query("ROLLBACK").catch((rollback: unknown) => (broken = asError(rollback)));
    throw error;
  } finally {
    client.release(broken);
  }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
