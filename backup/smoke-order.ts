import { setTimeout as sleep } from "node:timers/promises";
import type { Client, Pool } from "pg";
import { leaseIds } from "../jobs/id-lease.ts";
import sum from "../jobs/kinds/sum.ts";
import type { Logger } from "../jobs/log.ts";
import type { ObjectStore } from "../jobs/object-store.ts";
import type { Kinds } from "../jobs/registry.ts";
import { insertJob } from "../jobs/store.ts";
import { createInlineRunner } from "../worker/inline-runner.ts";

/** The job that is done on what was restored, whoever does it. */

/** A queue that no worker of a stack serves: jobs of the restored database are not run here. */
export const SMOKE_QUEUE = "restore-check";
export const SMOKE_WORKER = "restore-check";
const NUMBERS = [20, 22];

/** How long the job may take, in milliseconds. */
const JOB_MS = 60_000;
const ASK_MS = 50;

/** Sums need no voice. */
const SILENT = {
  name: "silent",
  speak: async () => new Uint8Array(),
  check: async () => undefined,
};

/** What a worker does it by. */
export function smokeWork(objects: ObjectStore, log: Logger) {
  const kinds: Kinds = new Map([[sum.name, sum]]);
  const runner = createInlineRunner({ kinds, objects, log, engines: { speech: SILENT } });
  return { kinds, objects, runner, log };
}

/** @returns its id */
export async function makeSmokeJob(pool: Pool, log: Logger): Promise<string> {
  const ids = await leaseIds(pool, log);
  try {
    const id = ids.next();
    await insertJob(pool, {
      id,
      tenant: SMOKE_QUEUE,
      kind: sum.name,
      queue: SMOKE_QUEUE,
      params: { numbers: NUMBERS },
    });
    return id;
  } finally {
    await ids.close();
  }
}

/** @throws Error where it does not come to the right end */
export async function waitForSmokeJob(pool: Pool, id: string, signal: AbortSignal): Promise<void> {
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

/** Takes out what it left. */
export async function removeSmoke(client: Client): Promise<void> {
  await client.query("BEGIN");
  await client.query("DELETE FROM attempts WHERE job_id IN (SELECT id FROM jobs WHERE queue = $1)", [SMOKE_QUEUE]);
  await client.query("DELETE FROM outbox WHERE queue = $1", [SMOKE_QUEUE]);
  await client.query("DELETE FROM jobs WHERE queue = $1", [SMOKE_QUEUE]);
  await client.query("DELETE FROM workers WHERE name = $1", [SMOKE_WORKER]);
  await client.query("COMMIT");
}
