import type { Pool } from "pg";
import { percentile } from "../../bench/stats.ts";
import type { Done, Hit } from "./schedule.ts";

/** Times in milliseconds. */
export interface Times {
  readonly count: number;
  readonly p50: number;
  readonly p99: number;
}

export interface Recovery {
  /** From the end of a fault to the next job that finishes, by fault. */
  readonly faults: ReadonlyMap<string, Times>;
  /** From a hit of a worker to the next attempt of each job that it held; without those that an outage came across. */
  readonly restarts: Times;
  /** The same, with an outage in between. */
  readonly restartsAcrossOutages: Times;
}

interface Span {
  readonly from: number;
  readonly to: number;
}

/** Takes the times from what the witness and the attempts say. */
export async function measureRecovery(db: Pool, done: readonly Done[], hits: readonly Hit[]): Promise<Recovery> {
  const { rows } = await db.query<{ at: number }>(
    "SELECT extract(epoch FROM at)::float8 * 1000 AS at FROM effects ORDER BY effects.at",
  );
  const finishes = rows.map(({ at }) => at);
  const outages = done.filter(({ fault }) => fault.outage === true);
  const byFault = Map.groupBy(done, ({ fault }) => fault.name);
  const faults = new Map<string, Times>();
  for (const [name, list] of byFault) {
    faults.set(name, timesOf(list.map((one) => untilNext(finishes, one, outages)).filter((ms) => ms !== undefined)));
  }
  const { alone, across } = await restartTimes(db, hits, outages);
  return { faults, restarts: timesOf(alone), restartsAcrossOutages: timesOf(across) };
}

/** Where an outage goes on beyond the fault, it counts from the outage's end. */
function untilNext(finishes: readonly number[], { to }: Span, outages: readonly Span[]): number | undefined {
  const start = outages.reduce((at, outage) => (outage.from <= at && outage.to > at ? outage.to : at), to);
  const next = finishes[lowerBound(finishes, start)];
  return next === undefined ? undefined : next - start;
}

/** Place of the first value that is not below another. */
function lowerBound(sorted: readonly number[], value: number): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle] ?? Infinity) < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

async function restartTimes(db: Pool, hits: readonly Hit[], outages: readonly Span[]) {
  const [alone, across]: [number[], number[]] = [[], []];
  for (const { at, held } of hits) {
    const { rows } = await db.query<{ started: number }>(
      `SELECT extract(epoch FROM a.started_at)::float8 * 1000 AS started
       FROM unnest($1::bigint[], $2::int[]) AS h(id, attempt)
       JOIN attempts a ON a.job_id = h.id AND a.attempt = h.attempt + 1`,
      [held.map(({ id }) => id), held.map(({ attempt }) => attempt)],
    );
    for (const { started } of rows) {
      const crossed = outages.some((outage) => outage.from < started && outage.to > at);
      (crossed ? across : alone).push(started - at);
    }
  }
  return { alone, across };
}

function timesOf(values: readonly number[]): Times {
  if (values.length === 0) return { count: 0, p50: 0, p99: 0 };
  return { count: values.length, p50: Math.round(percentile(values, 50)), p99: Math.round(percentile(values, 99)) };
}
