import { setTimeout as sleep } from "node:timers/promises";
import { run, runAlone, type Queryable } from "./database.ts";
import { ID_EPOCH_MS } from "./ids.ts";
import type { Upkeep } from "./kind.ts";
import type { Logger } from "./log.ts";
import type { ListedObject } from "./object-walk.ts";

/** Rows or files in one step, and the pause after it, in milliseconds: nobody else has to wait for long. */
const STEP = 500;
const PAUSE_MS = 50;

/** A page of files as long as this of which the database knows none is left alone: the database may be another one. */
const SUSPICIOUS = 100;

/** Where jobs' files are. */
const ARTIFACTS = "artifacts";
const ARTIFACT_KEY = /^artifacts\/[0-9a-f]{2}\/(?<job>\d{1,19})-(?<attempt>\d{1,9})\.[a-z0-9]+$/;

const EXPIRED_KEYS = {
  name: "sweep-keys",
  text: `DELETE FROM idempotency_keys WHERE (tenant, key) IN
           (SELECT tenant, key FROM idempotency_keys WHERE expires_at < now() LIMIT ${STEP} FOR UPDATE SKIP LOCKED)
         RETURNING 1`,
};
const EXPIRED_NONCES = {
  name: "sweep-nonces",
  text: `DELETE FROM request_nonces WHERE (key_id, nonce) IN
           (SELECT key_id, nonce FROM request_nonces WHERE expires_at < now() LIMIT ${STEP} FOR UPDATE SKIP LOCKED)
         RETURNING 1`,
};
const OLD_BATCHES = {
  name: "sweep-batches",
  // A batch goes when all of it is old: an aggregate needs its members. Ids grow with time: $2 is one of that moment.
  text: `DELETE FROM batches WHERE id IN
           (SELECT b.id FROM batches b WHERE b.id < $2 AND NOT EXISTS
             (SELECT FROM jobs j WHERE j.batch_id = b.id
                AND (j.finished_at IS NULL OR j.finished_at >= now() - $1 * interval '1 day'))
            ORDER BY b.id LIMIT 50)
         RETURNING 1`,
};
const OLD_JOBS = {
  name: "sweep-jobs",
  text: `WITH old AS (
           SELECT j.id FROM jobs j WHERE j.id > $3 AND j.id < $2 AND j.state IN ('succeeded', 'dead', 'cancelled')
             AND j.finished_at < now() - $1 * interval '1 day'
             AND NOT EXISTS (SELECT FROM batches b WHERE b.id = j.batch_id)
           ORDER BY j.id LIMIT ${STEP} FOR UPDATE SKIP LOCKED
         ), files AS (
           SELECT a.object_key FROM artifacts a JOIN old ON old.id = a.job_id
         ), tries AS (
           DELETE FROM attempts WHERE job_id IN (SELECT id FROM old)
         ), gone AS (
           DELETE FROM jobs WHERE id IN (SELECT id FROM old) RETURNING id
         )
         SELECT (SELECT count(*) FROM gone)::int AS jobs, (SELECT max(id) FROM gone) AS last,
                (SELECT array_agg(object_key) FROM files) AS files`,
};
const NOW_MS = { name: "sweep-now", text: `SELECT extract(epoch FROM now()) * 1000 AS ms` };
const KNOWN = {
  name: "sweep-known",
  // Known: what a job committed, and what the attempt that runs may still commit.
  text: `SELECT k.key, j.id IS NOT NULL AS of_job,
                a.object_key IS NOT NULL OR coalesce(j.state = 'active' AND j.attempt = k.attempt, false) AS needed
         FROM unnest($1::text[], $2::bigint[], $3::int[]) AS k(key, job_id, attempt)
           LEFT JOIN jobs j ON j.id = k.job_id
           LEFT JOIN artifacts a ON a.job_id = k.job_id AND a.object_key = k.key`,
};

/** What a sweep takes away; counts of what went. */
export interface Swept {
  readonly idempotencyKeys: number;
  readonly nonces: number;
  readonly batches: number;
  readonly jobs: number;
  /** Files of jobs that went with them. */
  readonly artifacts: number;
  /** Files of attempts that never committed. */
  readonly orphans: number;
  /** Writes that ended with their process. */
  readonly unfinished: number;
}

export interface SweepOptions extends Upkeep {
  /** How long ended jobs are kept, in days. */
  readonly retentionDays: number;
  /** How old a file has to be before it counts as nobody's, in hours. */
  readonly orphanHours: number;
  /** Whether to walk over the store, too. */
  readonly walk: boolean;
  readonly log: Logger;
  readonly signal: AbortSignal;
  /** Between two steps, in milliseconds. @default 50 */
  readonly pauseMs?: number;
}

/**
 * Takes away what nobody needs any more, in small steps. It may be ended at any moment and begun again.
 *
 * Rows go before files: a job whose file is gone would be a promise that is not kept, while a file whose job is gone is found
 * by the next walk over the store.
 */
export async function sweep(options: SweepOptions): Promise<Swept> {
  const { database, objects, retentionDays, orphanHours, walk } = options;
  const idempotencyKeys = await repeat(options, () => count(database, EXPIRED_KEYS));
  const nonces = await repeat(options, () => count(database, EXPIRED_NONCES));
  const oldest = await firstIdSince(database, retentionDays);
  const batches = await repeat(options, () => count(database, OLD_BATCHES, [retentionDays, oldest]), 50);
  const { jobs, artifacts } = await sweepJobs(options, oldest);
  const orphanMs = orphanHours * 3_600_000;
  const orphans = walk ? await sweepOrphans(options, Date.now() - orphanMs) : 0;
  const unfinished = walk ? await objects.removeUnfinished(orphanMs) : 0;
  return { idempotencyKeys, nonces, batches, jobs, artifacts, orphans, unfinished };
}

async function count(db: Queryable, statement: typeof NOW_MS, values: unknown[] = []): Promise<number> {
  return (await runAlone(db, statement, values)).length;
}

/** Takes steps until one has less to do than it could; gives the sum. */
async function repeat(options: SweepOptions, step: () => Promise<number>, full = STEP): Promise<number> {
  for (let total = 0; ;) {
    const done = await step();
    total += done;
    if (done < full) return total;
    await pause(options);
  }
}

async function pause({ signal, pauseMs = PAUSE_MS }: SweepOptions): Promise<void> {
  await sleep(pauseMs, undefined, { signal });
}

/** Least id that a job of so many days ago can have. */
async function firstIdSince(db: Queryable, days: number): Promise<string> {
  const [row] = await run<{ ms: string }>(db, NOW_MS);
  const ms = Math.floor(Number(row?.ms)) - days * 86_400_000 - ID_EPOCH_MS;
  return String(BigInt(Math.max(ms, 0)) << 22n);
}

async function sweepJobs(options: SweepOptions, oldest: string): Promise<{ jobs: number; artifacts: number }> {
  let after = "0";
  const total = { jobs: 0, artifacts: 0 };
  for (;;) {
    const values = [options.retentionDays, oldest, after];
    const [row] = await runAlone<{ jobs: number; last: string | null; files: string[] | null }>(
      options.database,
      OLD_JOBS,
      values,
    );
    for (const key of row?.files ?? []) await options.objects.remove(key);
    total.jobs += row?.jobs ?? 0;
    total.artifacts += row?.files?.length ?? 0;
    if (!row?.last || row.jobs < STEP) return total;
    after = row.last;
    await pause(options);
  }
}

async function sweepOrphans(options: SweepOptions, before: number): Promise<number> {
  let removed = 0;
  let page: ListedObject[] = [];
  for await (const object of options.objects.list(ARTIFACTS)) {
    if (object.modifiedAt.getTime() < before && ARTIFACT_KEY.test(object.key)) page.push(object);
    if (page.length < STEP) continue;
    removed += await removeOrphans(options, page);
    page = [];
    await pause(options);
  }
  return removed + (await removeOrphans(options, page));
}

async function removeOrphans({ database, objects, log }: SweepOptions, page: readonly ListedObject[]): Promise<number> {
  const keys = page.map(({ key }) => key);
  const parts = keys.map((key) => ARTIFACT_KEY.exec(key)?.groups);
  const values = [keys, parts.map((part) => part?.["job"]), parts.map((part) => part?.["attempt"])];
  const rows = await run<{ key: string; of_job: boolean; needed: boolean }>(database, KNOWN, values);
  if (rows.length >= SUSPICIOUS && !rows.some((row) => row.of_job)) {
    log.error(
      { files: rows.length, first: rows[0]?.key },
      "the database knows none of these files; they stay, as the store may belong to another one. Check DATABASE_NAME and OBJECTS_URL",
    );
    return 0;
  }
  const orphans = rows.filter((row) => !row.needed);
  for (const { key } of orphans) await objects.remove(key);
  return orphans.length;
}
