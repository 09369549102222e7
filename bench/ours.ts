import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Queue } from "bullmq";
import { loadRuntime, type QueueName } from "../configs/runtime.ts";
import { openFoundation, type Foundation } from "../jobs/foundation.ts";
import { createCloseStack } from "../jobs/process.ts";
import { relayOutbox } from "../jobs/relay.ts";
import { QUEUE_PREFIX } from "../jobs/wake.ts";
import { TENANT } from "../test/servers/credentials.ts";
import { until } from "../test/servers/programs.ts";
import { createTestLog, startStack, type TestStack } from "../test/servers/stack.ts";

/** The settings of our images; fsync and synchronous_commit are on by default, and said here so that nobody wonders. */
const POSTGRES = [
  "fsync=on",
  "synchronous_commit=on",
  "full_page_writes=on",
  "jit=off",
  "shared_preload_libraries=pg_stat_statements",
];
const REDIS = ["--appendonly", "yes", "--appendfsync", "everysec"];

/** What was set, for the report. */
export const SERVER_SETTINGS = {
  postgres: [...POSTGRES, "others as they come with 15"].join(", "),
  "redis-server": `${REDIS.join(" ")} --save "" --maxmemory-policy noeviction`,
};

/** Servers of the images' settings, and what the benchmarks do to our tables. */
export interface Ours {
  readonly stack: TestStack;
  readonly foundation: Foundation;
  /** For logs of programs; removed at the end. */
  readonly folder: string;
  /** Inserts jobs and their outbox rows as `POST /jobs` would, but many in one statement. */
  fill(count: number, queue?: QueueName): Promise<void>;
  /** Brings every outbox row into Redis, by the relay that API and worker have. */
  relay(): Promise<number>;
  /** Holds a queue's wake-ups back until `resume`. */
  pause(queue: QueueName): Promise<void>;
  resume(queue: QueueName): Promise<void>;
  /** Waits until so many jobs ended. */
  ended(count: number, forMs?: number): Promise<void>;
  /** Seconds from the first job's start to the last one's end; checks that each was done exactly once. */
  seconds(count: number): Promise<number>;
  /** One row of SQL, as numbers. */
  numbers(sql: string): Promise<Record<string, number>>;
  /** Empties the tables of jobs. */
  clear(): Promise<void>;
  close(): Promise<void>;
}

/** Starts Postgres and Redis as our images run them, and migrates. */
export async function startOurs(): Promise<Ours> {
  const { log } = createTestLog();
  const stack = await startStack({ postgres: POSTGRES, redis: REDIS });
  const closing = createCloseStack(log);
  closing.add("stack", () => stack.close());
  const foundation = await openFoundation(loadRuntime("api", { ...stack.env, APP_ENV: "prod" }), log, closing);
  await until("Redis is connected", () => foundation.redis.status === "ready");
  const folder = mkdtempSync(join(tmpdir(), "slipway-bench-"));
  const numbers = async (sql: string) => toNumbers((await stack.asSuperuser(sql))[0]);
  const queue = async (name: QueueName, work: (queue: Queue) => Promise<void>) => {
    const opened = new Queue(name, { connection: foundation.redis, prefix: QUEUE_PREFIX });
    await work(opened);
    await opened.close();
  };
  return {
    stack,
    foundation,
    folder,
    fill: (count, name) => fill(stack, count, name ?? "default"),
    relay: () => relayOutbox(foundation.pool, foundation.wake),
    pause: (name) => queue(name, (opened) => opened.pause()),
    resume: (name) => queue(name, (opened) => opened.resume()),
    ended: (count, forMs) => ended(numbers, count, forMs),
    seconds: (count) => seconds(numbers, count),
    numbers,
    clear: async () => {
      await stack.asSuperuser("TRUNCATE jobs, attempts, outbox CASCADE; CHECKPOINT");
    },
    close: async () => {
      await closing.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Rows in one statement: at most so many, for a client waits for each. */
const FILL_BATCH = 100_000;

async function fill(stack: TestStack, count: number, queue: QueueName): Promise<void> {
  for (let done = 0; done < count; done += FILL_BATCH) {
    await stack.asSuperuser(
      `WITH job AS (
         INSERT INTO jobs (id, kind, queue, params, tenant)
         SELECT (SELECT coalesce(max(id), 0) FROM jobs) + n, 'sum', '${queue}', '{"numbers": [1, 2]}', '${TENANT}'
         FROM generate_series(1, ${Math.min(FILL_BATCH, count - done)}) n
         RETURNING id, queue, priority, run_at
       )
       INSERT INTO outbox (job_id, attempt, queue, priority, run_at)
       SELECT id, 0, queue, priority, run_at FROM job ORDER BY id`,
    );
  }
  await stack.asSuperuser("ANALYZE jobs; CHECKPOINT");
}

/** Jobs that benchmarks made. Others come by schedule, such as the upkeep of the system, and may wait for a worker of their own. */
export const MEASURED = `tenant = '${TENANT}'`;

/** Whether some of them are not done, as `open` 1 or 0. */
export const SOME_OPEN = `SELECT (EXISTS (SELECT FROM jobs WHERE state IN ('queued', 'retrying') AND ${MEASURED})
  OR EXISTS (SELECT FROM jobs WHERE state = 'active' AND ${MEASURED}))::int AS open`;

type Numbers = (sql: string) => Promise<Record<string, number>>;

/** Looks by an index that holds only what is open, so that looking costs the servers nothing to speak of. */
async function ended(numbers: Numbers, count: number, forMs = 600_000): Promise<void> {
  await until(
    `${count} jobs have ended`,
    async () => {
      await new Promise((resolve) => setTimeout(resolve, 80));
      return (await numbers(SOME_OPEN))["open"] === 0;
    },
    forMs,
  );
}

async function seconds(numbers: Numbers, count: number): Promise<number> {
  const seen = await numbers(
    `SELECT count(*) FILTER (WHERE state = 'succeeded') AS succeeded, max(attempt) AS attempt,
       extract(epoch FROM max(finished_at) - min(started_at)) AS seconds,
       (SELECT count(*) FROM attempts a JOIN jobs j ON j.id = a.job_id
        WHERE a.outcome = 'succeeded' AND ${MEASURED}) AS attempts
     FROM jobs WHERE ${MEASURED}`,
  );
  if (seen["succeeded"] !== count || seen["attempts"] !== count || seen["attempt"] !== 1)
    throw new Error(`${count} jobs must succeed at their first attempt, once each; seen: ${JSON.stringify(seen)}`);
  return seen["seconds"] ?? NaN;
}

function toNumbers(row: Record<string, unknown> = {}): Record<string, number> {
  return Object.fromEntries(Object.entries(row).map(([name, value]) => [name, Number(value)]));
}
