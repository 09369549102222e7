import { run, type Queryable } from "./database.ts";
import { idAt } from "./ids.ts";

/** How jobs of one kind came, and how long they took. */
export interface Rate {
  readonly kind: string;
  readonly queue: string;
  /** Jobs that were made in the time that was looked at. */
  readonly jobs: number;
  /** Those of the busiest of {@link PARTS} parts of it. */
  readonly busiest: number;
  /** Attempts of one job, on average. */
  readonly attempts: number;
  /** Seconds that the last attempt took, on average; nothing where none has ended. */
  readonly seconds: number | null;
}

/** Into so many parts a span is divided: the busiest is what workers have to keep up with. */
export const PARTS = 12;

/** A month: beyond it jobs may have been swept away. */
export const MOST_SECONDS = 31 * 86_400;

/** One walk over the keys of the jobs that were made meanwhile, as ids tell when. */
const RATES = {
  name: "jobs-rates",
  text: `SELECT kind, queue, sum(jobs)::float8 AS jobs, max(jobs)::float8 AS busiest,
           (sum(attempts) / sum(jobs))::float8 AS attempts, (sum(seconds) / nullif(sum(ended), 0))::float8 AS seconds
         FROM (SELECT kind, queue, (id - $1::bigint) * ${PARTS} / ($2::bigint - $1::bigint) AS part, count(*) AS jobs,
                 sum(greatest(attempt, 1)) AS attempts,
                 count(*) FILTER (WHERE state IN ('succeeded', 'dead') AND started_at IS NOT NULL) AS ended,
                 sum(extract(epoch FROM finished_at - started_at)) FILTER (WHERE state IN ('succeeded', 'dead')) AS seconds
               FROM jobs WHERE id >= $1::bigint AND id < $2::bigint GROUP BY kind, queue, part) parts
         GROUP BY kind, queue ORDER BY kind, queue`,
};

/**
 * What came in the last so many seconds, by kind and queue.
 *
 * @param nowMs milliseconds since 1970
 */
export async function readRates(db: Queryable, sinceSeconds: number, nowMs = Date.now()): Promise<readonly Rate[]> {
  return run<Rate & Record<string, unknown>>(db, RATES, [idAt(nowMs - sinceSeconds * 1000), idAt(nowMs)]);
}
