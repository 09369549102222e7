import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from "prom-client";
import type { FastifyReply, FastifyRequest } from "fastify";
import type { BacklogCounter } from "../../jobs/backlog.ts";
import { run, type Queryable } from "../../jobs/database.ts";
import type { JobWriter } from "../../jobs/store.ts";
import type { Unserved } from "../../jobs/unserved.ts";
import type { App, AppParts } from "../parts.ts";
import { addDrills } from "./drill-metrics.ts";

const OUTBOX = {
  name: "metrics-outbox",
  text: `SELECT count(*)::int AS rows, coalesce(greatest(0, extract(epoch FROM now() - min(run_at))), 0)::float8 AS oldest
         FROM (SELECT run_at FROM outbox LIMIT 100000) o`,
};
/** How long a count of the outbox is used again, in milliseconds. */
const FRESH_MS = 2000;
/** From 1 ms to 10 s; durations beyond are told apart by nobody. */
const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** What the API counts. */
export interface Metrics {
  readonly registry: Registry;
  readonly problems: Counter<"problem">;
}

export interface MetricsDeps {
  readonly pool: Queryable;
  readonly backlog: BacklogCounter;
  readonly unserved: () => Promise<readonly Unserved[]>;
  readonly waitingInserts: () => number;
  readonly openStreams: () => number;
  readonly written: JobWriter["written"];
  readonly bodyBytes: () => number;
  readonly counts: AppParts["counts"];
}

/** Every name begins with `slipway_`; those of Node's own state with `slipway_process_` and `slipway_nodejs_`. */
export function createMetrics(deps: MetricsDeps): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry, prefix: "slipway_" });
  gauge(registry, "slipway_job_inserts_waiting", "Jobs that wait for their commit", deps.waitingInserts);
  gauge(registry, "slipway_event_streams", "Event streams that are open", deps.openStreams);
  gauge(registry, "slipway_body_bytes", "Bytes of large bodies that are read or worked on", deps.bodyBytes);
  counter(
    registry,
    "slipway_job_insert_statements_total",
    "Statements that made jobs",
    () => deps.written().statements,
  );
  counter(registry, "slipway_job_inserts_total", "Jobs that went into those statements", () => deps.written().jobs);
  if (deps.counts) addCounts(registry, deps.counts);
  addBacklog(registry, deps.backlog);
  addUnserved(registry, deps.unserved);
  addOutbox(registry, deps.pool);
  addDrills(registry, deps.pool);
  const problems = new Counter({
    name: "slipway_http_problems_total",
    help: "Requests that were answered with a problem, by its name: refused, limited, failed",
    labelNames: ["problem"],
    registers: [registry],
  });
  return { registry, problems };
}

function gauge(registry: Registry, name: string, help: string, read: () => number): void {
  const made: Gauge = new Gauge({
    name,
    help,
    registers: [registry],
    collect: () => {
      made.set(read());
    },
  });
}

function counter(registry: Registry, name: string, help: string, read: () => number): void {
  const made: Counter = new Counter({
    name,
    help,
    registers: [registry],
    collect: () => {
      made.reset();
      made.inc(read());
    },
  });
}

function addCounts(registry: Registry, { relayed, ids }: NonNullable<AppParts["counts"]>): void {
  counter(registry, "slipway_relay_moved_total", "Wake-ups brought from the outbox to Redis", () => relayed().moved);
  counter(registry, "slipway_relay_failures_total", "Passes of the relay that failed", () => relayed().failures);
  gauge(
    registry,
    "slipway_id_lease_seconds",
    "Until no ids are made unless the lease is renewed",
    () => ids().secondsLeft,
  );
  counter(
    registry,
    "slipway_id_lease_failures_total",
    "Renewals of the lease on ids that failed",
    () => ids().failures,
  );
}

function addBacklog(registry: Registry, backlog: BacklogCounter): void {
  // Without a database the rest is still told, and these are missing.
  const read = () =>
    backlog.read().then(
      (found) => found.rows,
      () => [],
    );
  const due: Gauge = new Gauge({
    name: "slipway_queue_oldest_due_seconds",
    help: "How long the oldest job waits that may run",
    labelNames: ["queue"],
    registers: [registry],
    collect: async () => {
      const rows = await read();
      due.reset();
      for (const { queue } of rows) {
        const seconds = rows.filter((row) => row.queue === queue).map((row) => row.oldestDueSeconds);
        due.set({ queue }, Math.max(...seconds));
      }
    },
  });
  const jobs: Gauge = new Gauge({
    name: "slipway_queue_jobs",
    help: "Jobs that have not ended",
    labelNames: ["queue", "state"],
    registers: [registry],
    collect: async () => {
      const rows = await read();
      jobs.reset();
      for (const row of rows) jobs.inc({ queue: row.queue, state: row.state }, row.jobs);
    },
  });
}

function addUnserved(registry: Registry, unserved: MetricsDeps["unserved"]): void {
  const gauge: Gauge = new Gauge({
    name: "slipway_queue_unserved_seconds",
    help: "How long work waits in a queue that no worker serves; not there where one does or nothing waits",
    labelNames: ["queue"],
    registers: [registry],
    collect: async () => {
      const found = await unserved().catch(() => []);
      gauge.reset();
      for (const { queue, seconds } of found) gauge.set({ queue }, seconds);
    },
  });
}

interface OutboxRow {
  rows: number;
  oldest: number;
}

function addOutbox(registry: Registry, pool: Queryable): void {
  let readAt = Number.NEGATIVE_INFINITY;
  let found: Promise<OutboxRow | undefined> = Promise.resolve(undefined);
  function read(): Promise<OutboxRow | undefined> {
    if (performance.now() - readAt < FRESH_MS) return found;
    readAt = performance.now();
    found = run<OutboxRow>(pool, OUTBOX).then(
      ([row]) => row,
      () => undefined,
    );
    return found;
  }
  const rows: Gauge = new Gauge({
    name: "slipway_outbox_rows",
    help: "Wake-ups that have not reached Redis, counted up to 100,000",
    registers: [registry],
    collect: async () => {
      rows.set((await read())?.rows ?? Number.NaN);
    },
  });
  const oldest: Gauge = new Gauge({
    name: "slipway_outbox_oldest_seconds",
    help: "How long the oldest wake-up waits to reach Redis",
    registers: [registry],
    collect: async () => {
      oldest.set((await read())?.oldest ?? Number.NaN);
    },
  });
}

/** Counts requests by route and status: addresses that there are none of are one route, whatever they are. */
export function observeRequests(
  app: App,
  { registry, problems }: Metrics,
): (request: FastifyRequest, reply: FastifyReply) => void {
  const durations = new Histogram({
    name: "slipway_http_request_duration_seconds",
    help: "From the request's headers to the end of the answer",
    labelNames: ["method", "route", "status"],
    buckets: SECONDS,
    registers: [registry],
  });
  app.get("/metrics", { schema: { hide: true } }, async (_request, reply) =>
    reply.type(registry.contentType).send(await registry.metrics()),
  );
  // Looked up once a series, not put together from labels at each request.
  const series = new Map<string, ReturnType<typeof durations.labels>>();
  return (request, reply) => {
    const { url: route = "none", method } = request.routeOptions;
    const verb = route === "none" ? "any" : String(method);
    const status = String(reply.statusCode);
    const key = `${verb} ${route} ${status}`;
    let found = series.get(key);
    if (!found) {
      found = durations.labels(verb, route, status);
      series.set(key, found);
    }
    found.observe(reply.elapsedTime / 1000);
    if (request.problem) problems.inc({ problem: request.problem });
  };
}
