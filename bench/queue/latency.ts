import { Agent, request } from "node:http";
import { join } from "node:path";
import { leaseIds } from "../../jobs/id-lease.ts";
import { startMaintenance } from "../../jobs/maintenance.ts";
import { createJobWriter } from "../../jobs/store.ts";
import { TENANT, testToken } from "../../test/servers/credentials.ts";
import { createTestLog } from "../../test/servers/stack.ts";
import { startChild } from "../child.ts";
import { BENCH } from "../install.ts";
import { MEASURED, type Ours } from "../ours.ts";
import { startReady } from "../programs.ts";
import type { Figure } from "../report.ts";
import type { Context } from "./context.ts";
import { pace, wallClock } from "./pace.ts";
import { databaseEnv } from "./processing.ts";

/** Jobs a second, far below what any of these can do: what is measured is the way, not the queue. */
const PER_SECOND = 500;
const CONCURRENCY = 100;
/** What goes before and does not count, at most: programs that have just started are slower for some seconds. */
const WARM_UP = 2500;
/** What graphile-worker is quickest with at this rate: its workers look for jobs each on its own. */
const GRAPHILE_CONCURRENCY = 10;

interface Latency {
  readonly p50: number;
  readonly p99: number;
  readonly mean: number;
}

/** From adding a job, or sending the request that makes one, to the first line of its handler in another process. */
export async function measureLatency(context: Context, rounds: number, seconds: number): Promise<Figure[]> {
  const ways = new Map<string, { measure: (count: number) => Promise<Latency>; seen: Latency[] }>([
    ["slipway, HTTP request to start", { measure: (count) => overHttp(context, count), seen: [] }],
    ["slipway, add to start", { measure: (count) => overWriter(context, count), seen: [] }],
    ["graphile-worker, add to start", { measure: (count) => overGraphile(context, count), seen: [] }],
  ]);
  for (let round = 0; round < rounds; round += 1) {
    for (const [name, way] of ways) {
      context.say(`latency, round ${round + 1} of ${rounds}: ${name}`);
      way.seen.push(await way.measure(seconds * PER_SECOND));
    }
  }
  return [...ways].flatMap(([name, { seen }]) => figuresOf(`${PER_SECOND} jobs/s: ${name}`, seen));
}

function figuresOf(name: string, seen: readonly Latency[]): Figure[] {
  const isHeld = name.includes("HTTP");
  return [
    { name: `${name}, mean`, unit: "ms", values: seen.map(({ mean }) => mean) },
    {
      name: `${name}, p50`,
      unit: "ms",
      values: seen.map(({ p50 }) => p50),
      ...(isHeld ? { goal: { atMost: 5 } } : {}),
    },
    {
      name: `${name}, p99`,
      unit: "ms",
      values: seen.map(({ p99 }) => p99),
      ...(isHeld ? { goal: { atMost: 25 } } : {}),
    },
  ];
}

/** The bundled API and the bundled worker, as in production. */
async function overHttp({ ours, bundles }: Context, count: number): Promise<Latency> {
  const worker = await startReady(ours, "worker", [bundles.worker], { WORKER_CONCURRENCY: String(CONCURRENCY) });
  const api = await startReady(ours, "api", [bundles.api]);
  const agent = new Agent({ keepAlive: true, maxSockets: 64 });
  const headers = { authorization: `Bearer ${await testToken(TENANT)}`, "content-type": "application/json" };
  try {
    const warm = Math.min(WARM_UP, count);
    await pace(warm, PER_SECOND, () => post(agent, api.port, headers));
    await ours.ended(warm);
    await ours.clear();
    await pace(count, PER_SECOND, () => post(agent, api.port, headers));
    return await seen(ours, count);
  } finally {
    agent.destroy();
    await api.stop();
    await worker.stop();
  }
}

async function post(agent: Agent, port: number, headers: Record<string, string>): Promise<void> {
  const body = JSON.stringify({ kind: "bench-stamp", params: { sentAt: wallClock() } });
  const status = await new Promise<number>((resolve, reject) => {
    const sent = request({ agent, port, host: "127.0.0.1", method: "POST", path: "/api/v1/jobs", headers });
    sent.once("error", reject);
    sent.once("response", (response) => {
      response.resume();
      response.once("end", () => {
        resolve(response.statusCode ?? 0);
      });
    });
    sent.end(body);
  });
  if (status !== 202) throw new Error(`POST /api/v1/jobs was answered ${status}, must be 202`);
}

/** This process writes and relays, as an API does; another one works. */
async function overWriter({ ours }: Context, count: number): Promise<Latency> {
  const { log } = createTestLog();
  const env = { WORKER_CONCURRENCY: String(CONCURRENCY) };
  const worker = await startReady(ours, "core", [join(BENCH, "core-worker.ts")], env);
  const ids = await leaseIds(ours.foundation.pool, log);
  const maintenance = startMaintenance({ ...ours.foundation, log });
  const writer = createJobWriter(ours.foundation.pool, {
    onMade: (jobs) => {
      maintenance.handOff(jobs);
    },
  });
  const add = async () => {
    const params = { sentAt: wallClock() };
    await writer.insert({ id: ids.next(), tenant: TENANT, kind: "bench-stamp", queue: "default", params });
  };
  try {
    const warm = Math.min(WARM_UP, count);
    await pace(warm, PER_SECOND, add);
    await ours.ended(warm);
    await ours.clear();
    await pace(count, PER_SECOND, add);
    return await seen(ours, count);
  } finally {
    await writer.close();
    await maintenance.close();
    await ids.close();
    await worker.stop();
  }
}

/** The handler's clock stands in the result. */
async function seen(ours: Ours, count: number): Promise<Latency> {
  await ours.ended(count);
  const row = await ours.numbers(
    `WITH way AS (
       SELECT (result->>'startedAt')::float8 - (params->>'sentAt')::float8 AS ms FROM jobs WHERE state = 'succeeded' AND ${MEASURED}
     )
     SELECT count(*) AS count, avg(ms) AS mean, percentile_cont(0.5) WITHIN GROUP (ORDER BY ms) AS p50,
       percentile_cont(0.99) WITHIN GROUP (ORDER BY ms) AS p99 FROM way`,
  );
  await ours.clear();
  return latencyOf(row, count);
}

async function overGraphile({ ours }: Context, count: number): Promise<Latency> {
  const env = await databaseEnv(ours);
  const command = [process.execPath, join(BENCH, "peers", "graphile-worker.js")];
  const errors = join(ours.folder, "peers.log");
  const [adder, worker] = [startChild(command, env, errors), startChild(command, env, errors)];
  try {
    await adder.ask({ do: "fill", count: 0 });
    const pass = async (jobs: number) => {
      await worker.ask({ do: "listen", concurrency: GRAPHILE_CONCURRENCY });
      await adder.ask({ do: "pace", count: jobs, perSecond: PER_SECOND });
      return worker.ask({ do: "heard" });
    };
    await pass(Math.min(WARM_UP, count));
    return latencyOf(await pass(count), count);
  } finally {
    await adder.stop();
    await worker.stop();
  }
}

function latencyOf({ count, p50 = NaN, p99 = NaN, mean = NaN }: Record<string, number>, sent: number): Latency {
  if (count !== sent) throw new Error(`${sent} jobs were sent and ${count ?? 0} were heard of`);
  return { p50, p99, mean };
}
