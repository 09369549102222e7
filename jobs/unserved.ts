import type { BacklogCounter } from "./backlog.ts";
import { run, type Queryable } from "./database.ts";

/** A queue with work that may begin, and no worker that looks at it. */
export interface Unserved {
  readonly queue: string;
  /** How long the oldest of that work waits. */
  readonly seconds: number;
}

/** Schedules are work too: workers fire them. */
const LOOK = {
  name: "unserved",
  text: `SELECT (SELECT coalesce(array_agg(DISTINCT queue), '{}') FROM workers w, unnest(w.queues) AS served(queue)
                  WHERE w.lease_until > now()) AS served,
           (SELECT coalesce(json_object_agg(queue, seconds), '{}') FROM (
              SELECT queue, extract(epoch FROM now() - min(next_at))::float8 AS seconds
              FROM schedules WHERE NOT paused AND next_at <= now() GROUP BY queue) due) AS schedules`,
};

interface Row {
  served: string[];
  schedules: Record<string, number>;
}

/** How long an answer is used again, in milliseconds. */
const FRESH_MS = 2000;

/**
 * Tells of queues whose work waits for workers that do not come: none is at work on them, so nobody else notices. Where workers go to none, an
 * autoscaler that cannot read the job table looks from outside like one that has nothing to do.
 */
export function createUnservedWatch(
  db: Queryable,
  backlog: Pick<BacklogCounter, "read">,
): () => Promise<readonly Unserved[]> {
  let askedAt = Number.NEGATIVE_INFINITY;
  let answer: Promise<readonly Unserved[]> = Promise.resolve([]);
  return () => {
    if (performance.now() - askedAt > FRESH_MS) {
      askedAt = performance.now();
      answer = look(db, backlog);
    }
    return answer;
  };
}

async function look(db: Queryable, backlog: Pick<BacklogCounter, "read">): Promise<readonly Unserved[]> {
  const [{ rows }, [found]] = await Promise.all([backlog.read(), run<Row>(db, LOOK)]);
  if (!found) throw new Error("the look at workers gave no row back");
  const waiting = new Map(Object.entries(found.schedules));
  for (const { queue, oldestDueSeconds } of rows)
    if (oldestDueSeconds > 0) waiting.set(queue, Math.max(oldestDueSeconds, waiting.get(queue) ?? 0));
  return [...waiting]
    .filter(([queue]) => !found.served.includes(queue))
    .map(([queue, seconds]) => ({ queue, seconds }));
}
