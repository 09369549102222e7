import { Pool } from "pg";
import { leaseIds } from "../../jobs/id-lease.ts";
import { createJobWriter, type JobWriter } from "../../jobs/store.ts";
import { TENANT } from "../../test/servers/credentials.ts";
import { createTestLog } from "../../test/servers/stack.ts";
import type { Figure } from "../report.ts";
import { percentile, ratios } from "../stats.ts";
import type { Context } from "./context.ts";

/** Callers that insert at the same time. */
const AT_ONCE = 32;

const PARAMS = { numbers: [1, 2] };

/** A table with the columns that a job is made of and nothing but its key: the least that any durable queue must write. */
const BARE_TABLE = `CREATE TABLE bare (
  id bigint PRIMARY KEY, tenant text NOT NULL, kind text NOT NULL, queue text NOT NULL, params jsonb NOT NULL,
  priority integer NOT NULL, run_at timestamptz NOT NULL DEFAULT now());
  GRANT ALL ON bare TO slipway_app`;
const BARE_INSERT = {
  name: "bare",
  text: "INSERT INTO bare (id, tenant, kind, queue, params, priority) VALUES ($1, $2, $3, $4, $5, $6) RETURNING run_at",
};

type Insert = (id: string) => Promise<unknown>;

/** A committed job with its wake-up beside one bare INSERT into a table with a key alone. */
export async function measureEnqueue(context: Context, rounds: number, count: number): Promise<Figure[]> {
  const { ours } = context;
  const { pool } = ours.foundation;
  await ours.stack.asSuperuser(BARE_TABLE);
  // A connection for each caller: a bare INSERT is as fast as it can be.
  const { port } = ours.stack.postgres;
  const bare = new Pool({ host: "127.0.0.1", port, database: ours.stack.database, user: "slipway_app", max: AT_ONCE });
  const ids = await leaseIds(pool, createTestLog().log);
  const writer = createJobWriter(pool);
  const next = () => ids.next();
  const [insertBare, insertJob] = [bareInsert(bare), jobInsert(writer)];
  const measured: Round[] = [];
  try {
    for (let round = 0; round <= rounds; round += 1) {
      context.say(`enqueue, round ${round} of ${rounds}`);
      await ours.numbers("CHECKPOINT");
      const one = await oneByOne(count, next, insertBare, insertJob);
      const bareRate = await rateAtOnce(count * 5, next, insertBare);
      const jobRate = await rateAtOnce(count * 5, next, insertJob);
      if (round > 0) measured.push({ ...one, bareRate, jobRate });
    }
  } finally {
    await writer.close();
    await ids.close();
    await bare.end();
    await ours.clear();
    await ours.stack.asSuperuser("DROP TABLE bare");
  }
  return figuresOf(measured);
}

interface Round {
  readonly bareMs: number;
  readonly jobMs: number;
  readonly bareRate: number;
  readonly jobRate: number;
}

function figuresOf(rounds: readonly Round[]): Figure[] {
  const column = (name: keyof Round) => rounds.map((round) => round[name]);
  const p50 = ratios(column("jobMs"), column("bareMs"));
  const rate = ratios(column("jobRate"), column("bareRate"));
  return [
    { name: "enqueue one at a time, p50: bare INSERT", unit: "ms", values: column("bareMs") },
    { name: "enqueue one at a time, p50: job with its wake-up", unit: "ms", values: column("jobMs") },
    { name: "enqueue one at a time, p50: job / bare INSERT", unit: "x", values: p50, goal: { atMost: 1.15 } },
    { name: `enqueue, ${AT_ONCE} at once: bare INSERT`, unit: "jobs/s", values: column("bareRate") },
    { name: `enqueue, ${AT_ONCE} at once: job with its wake-up`, unit: "jobs/s", values: column("jobRate") },
    { name: `enqueue, ${AT_ONCE} at once: job / bare INSERT`, unit: "x", values: rate, goal: { atLeast: 0.9 } },
  ];
}

function bareInsert(pool: Pool): Insert {
  const params = JSON.stringify(PARAMS);
  return (id) => pool.query({ ...BARE_INSERT, values: [id, TENANT, "sum", "default", params, 0] });
}

function jobInsert(writer: JobWriter): Insert {
  return async (id) => {
    const outcome = await writer.insert({ id, tenant: TENANT, kind: "sum", queue: "default", params: PARAMS });
    if (outcome.is !== "made") throw new Error(`job ${id}: the insert came to ${outcome.is}, must be made`);
  };
}

/** Turn by turn, so that whatever slows the machine slows both. */
async function oneByOne(count: number, next: () => string, bare: Insert, job: Insert) {
  const [bareMs, jobMs]: [number[], number[]] = [[], []];
  for (let done = 0; done < count; done += 1) {
    bareMs.push(await timed(() => bare(next())));
    jobMs.push(await timed(() => job(next())));
  }
  return { bareMs: percentile(bareMs, 50), jobMs: percentile(jobMs, 50) };
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work();
  return performance.now() - started;
}

async function rateAtOnce(count: number, next: () => string, insert: Insert): Promise<number> {
  let left = count;
  const caller = async () => {
    for (; left > 0; left -= 1) await insert(next());
  };
  return (count / (await timed(() => Promise.all(Array.from({ length: AT_ONCE }, caller))))) * 1000;
}
