import { run, type Queryable } from "./database.ts";

/** Jobs of one tenant, queue and state that have not ended. */
export interface BacklogRow {
  readonly tenant: string;
  readonly queue: string;
  readonly state: "queued" | "retrying" | "active";
  readonly jobs: number;
  /** How long the oldest of them that may run waits, in seconds; 0 where none waits. */
  readonly oldestDueSeconds: number;
}

/** What was waiting at one moment. */
export interface Backlog {
  readonly rows: readonly BacklogRow[];
  readonly takenAt: Date;
}

/** Walks the two partial indexes of unfinished jobs: about half a second for a million. */
const COUNT = {
  name: "backlog-count",
  text: `SELECT tenant, queue, state, count(*) AS jobs,
           coalesce(greatest(0, extract(epoch FROM now() - min(run_at) FILTER (WHERE state <> 'active'))), 0)::float8 AS due
         FROM (SELECT tenant, queue, state, run_at FROM jobs WHERE state IN ('queued', 'retrying')
               UNION ALL SELECT tenant, queue, state, run_at FROM jobs WHERE state = 'active') unfinished
         GROUP BY tenant, queue, state`,
};

/** A count is no older than this unless counting is slow, in milliseconds. */
const FRESH_MS = 2000;
/** Before somebody is refused, a count is no older than this. */
const URGENT_MS = 250;
/** Counting may take one part in so many of the time; one in so many before somebody is refused. */
const SHARE = 50;
const URGENT_SHARE = 10;
/** Longest pause between counts, in milliseconds. */
const MAX_PAUSE_MS = 120_000;

/** Limits of pending jobs. */
export interface BacklogLimits {
  readonly perQueue: number;
  readonly perTenant: number;
}

/** Why a job is refused. */
export interface Full {
  readonly what: "queue" | "tenant";
  readonly limit: number;
  /** When the next count is made, in seconds, 1 or more. */
  readonly retryAfterSeconds: number;
}

/** How much waits, counted only when somebody wants to know, and rarely where counting takes long. */
export interface BacklogCounter {
  /** Not older than two seconds, or fifty times as long as counting takes. */
  read(): Promise<Backlog>;
  /**
   * Whether jobs may be added; counts them in where they may. Almost always answers at once: the count goes on beside.
   *
   * @param jobs how many
   */
  admit(tenant: string, queue: string, jobs: number): Full | undefined | Promise<Full | undefined>;
}

export function createBacklogCounter(db: Queryable, limits: BacklogLimits): BacklogCounter {
  const counts = createCounts(db);
  function take(tenant: string, queue: string, jobs: number): Full | undefined {
    const what = counts.pending().exceeded(limits, tenant, queue, jobs);
    if (!what) {
      counts.add(tenant, queue, jobs);
      return undefined;
    }
    const retryAfterSeconds = Math.max(1, Math.ceil((counts.tookMs() * URGENT_SHARE) / 1000));
    return { what, limit: what === "queue" ? limits.perQueue : limits.perTenant, retryAfterSeconds };
  }
  async function takeAfterCount(tenant: string, queue: string, jobs: number): Promise<Full | undefined> {
    await counts.count();
    return take(tenant, queue, jobs);
  }
  return {
    read: async () => {
      if (counts.isOlderThan(FRESH_MS, SHARE)) await counts.count();
      return counts.backlog();
    },
    admit: (tenant, queue, jobs) => {
      // A count that fails stands in nobody's way: the insert meets the same database, and tells.
      if (counts.isOlderThan(FRESH_MS, SHARE)) counts.count().catch(() => undefined);
      const full = take(tenant, queue, jobs);
      return full && counts.isOlderThan(URGENT_MS, URGENT_SHARE) ? takeAfterCount(tenant, queue, jobs) : full;
    },
  };
}

/** The last count, and what was added since. One count at a time. */
function createCounts(db: Queryable) {
  let backlog: Backlog = { rows: [], takenAt: new Date(0) };
  let pending = new Tally();
  let sinceCountBegan = new Tally();
  let endedAt = Number.NEGATIVE_INFINITY;
  let tookMs = 0;
  let counting: Promise<void> | undefined;
  async function count(): Promise<void> {
    const began = performance.now();
    sinceCountBegan = new Tally();
    try {
      backlog = { rows: (await run<CountRow>(db, COUNT)).map(toRow), takenAt: new Date() };
      // The count may have seen some of what came meanwhile: for a moment rather too many than too few.
      pending = sinceCountBegan.with(backlog.rows);
    } finally {
      endedAt = performance.now();
      tookMs = endedAt - began;
      counting = undefined;
    }
  }
  return {
    backlog: () => backlog,
    pending: () => pending,
    tookMs: () => tookMs,
    count: () => (counting ??= count()),
    isOlderThan: (freshMs: number, share: number) =>
      performance.now() - endedAt > Math.min(Math.max(freshMs, tookMs * share), MAX_PAUSE_MS),
    add: (tenant: string, queue: string, jobs: number) => {
      pending.add(tenant, queue, jobs);
      if (counting) sinceCountBegan.add(tenant, queue, jobs);
    },
  };
}

/** Pending jobs by queue and by tenant. */
class Tally {
  readonly #queues = new Map<string, number>();
  readonly #tenants = new Map<string, number>();

  add(tenant: string, queue: string, jobs: number): void {
    this.#queues.set(queue, (this.#queues.get(queue) ?? 0) + jobs);
    this.#tenants.set(tenant, (this.#tenants.get(tenant) ?? 0) + jobs);
  }

  with(rows: readonly BacklogRow[]): this {
    for (const { tenant, queue, state, jobs } of rows) if (state !== "active") this.add(tenant, queue, jobs);
    return this;
  }

  /** Which limit so many more jobs would pass. */
  exceeded(limits: BacklogLimits, tenant: string, queue: string, jobs: number): Full["what"] | undefined {
    if ((this.#queues.get(queue) ?? 0) + jobs > limits.perQueue) return "queue";
    if ((this.#tenants.get(tenant) ?? 0) + jobs > limits.perTenant) return "tenant";
    return undefined;
  }
}

interface CountRow {
  tenant: string;
  queue: string;
  state: BacklogRow["state"];
  jobs: string;
  due: number;
}

function toRow({ tenant, queue, state, jobs, due }: CountRow): BacklogRow {
  return { tenant, queue, state, jobs: Number(jobs), oldestDueSeconds: due };
}
