import type { Size } from "./sizes.ts";

/**
 * What a size can carry. All of it is an estimate: nothing was measured on AWS. It is computed from docs/benchmarks.md, where Postgres,
 * Redis, worker and the load itself shared two cores. Who used how much of them is not known, so each part is charged with all of
 * what one job cost: it can do that much at least, as far as CPU limits it and CPUs add up. A fifth is kept in reserve.
 *
 * Jobs here do next to nothing. Slow ones are limited by `jobsAtOnce`: that many in the time that one takes.
 */

/** Figures of docs/benchmarks.md; a test compares them. */
export const MEASURED = {
  cores: 2,
  /** Jobs of a backlog that one worker, with handlers in processes, ends in a second. */
  workerJobsPerSecond: 9400,
  /** The same with handlers in the worker's own process, and how many of raw BullMQ's that is. */
  coreJobsPerSecond: 13_800,
  coreToBullMq: 0.82,
  /** Jobs that are inserted in a second, 32 at once. */
  insertsPerSecond: 30_100,
  /** What a request costs plain Fastify, and what ours costs more, without the database. */
  fastifyMicroseconds: 25,
  acceptMicroseconds: 30,
} as const;

/** Jobs that one API process lets wait for their commit; more are refused (`MAX_WAITING_INSERTS`). */
export const WAITING_PER_PROCESS = 2000;

/** What is promised of what is computed. */
export const SHARE = 0.8;

const SECOND = 1_000_000;
const INSERT_MICROSECONDS = (MEASURED.cores * SECOND) / MEASURED.insertsPerSecond;
const PROCESS_MICROSECONDS = (MEASURED.cores * SECOND) / MEASURED.workerJobsPerSecond;
const REQUEST_MICROSECONDS = MEASURED.fastifyMicroseconds + MEASURED.acceptMicroseconds;

/** CPU seconds that a job costs each part, whatever its handler does. */
export const JOB_CPU_SECONDS = {
  api: (REQUEST_MICROSECONDS + INSERT_MICROSECONDS) / SECOND,
  worker: PROCESS_MICROSECONDS / SECOND,
  database: (INSERT_MICROSECONDS + PROCESS_MICROSECONDS) / SECOND,
} as const;

/** Raw BullMQ's rate: Redis works on one core, and a job costs it far more there than in bundles. */
export const CACHE_JOBS_PER_SECOND = MEASURED.coreJobsPerSecond / MEASURED.coreToBullMq;

export type Bottleneck = "api" | "worker" | "database" | "cache";

export interface Carries {
  /** Nothing of it was measured on AWS. */
  readonly basis: "estimate";
  /** Short jobs that come in by HTTP and end, for good. */
  readonly jobsPerSecond: number;
  /** What is the first to be short. */
  readonly limitedBy: Bottleneck;
  /** Jobs that are worked on at the same time. */
  readonly jobsAtOnce: number;
  /** Jobs that are accepted in a second, as long as a backlog may grow. */
  readonly requestsPerSecond: number;
  /** Requests that may wait for their commit at the same time. */
  readonly concurrentRequests: number;
}

/** What of a size matters for what it carries. */
export interface CarryingSize {
  readonly database: Pick<Size["database"], "vcpus" | "baseline">;
  readonly api: Pick<Size["api"], "maxReplicas" | "cpus">;
  readonly worker: Pick<Size["worker"], "maxReplicas" | "cpus" | "concurrency">;
}

/** Estimates what a size carries once autoscaling has added all it may, with a fifth in reserve. */
export function carries(size: CarryingSize): Carries {
  const { database, api, worker } = size;
  const databaseCpus = database.vcpus * database.baseline;
  const accepted = (api.maxReplicas * api.cpus) / JOB_CPU_SECONDS.api;
  const limits: [Bottleneck, number][] = [
    ["api", accepted],
    ["worker", (worker.maxReplicas * worker.cpus) / JOB_CPU_SECONDS.worker],
    ["database", databaseCpus / JOB_CPU_SECONDS.database],
    ["cache", CACHE_JOBS_PER_SECOND],
  ];
  const [limitedBy, jobsPerSecond] = limits.reduce((least, limit) => (limit[1] < least[1] ? limit : least));
  return {
    basis: "estimate",
    jobsPerSecond: promised(jobsPerSecond),
    limitedBy,
    jobsAtOnce: promised(worker.maxReplicas * worker.concurrency),
    requestsPerSecond: promised(Math.min(accepted, (databaseCpus * SECOND) / INSERT_MICROSECONDS)),
    concurrentRequests: promised(api.maxReplicas * WAITING_PER_PROCESS),
  };
}

function promised(computed: number): number {
  return Math.floor(computed * SHARE);
}
