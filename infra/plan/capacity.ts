import { planConnections, SUPERUSER_RESERVED, type ConnectionUser } from "./connection-budget.ts";
import { CACHE_JOBS_PER_SECOND, JOB_CPU_SECONDS, SHARE } from "./size-capacity.ts";

/**
 * How many workers a load needs, and what is short first. A job takes a place of a worker for as long as it runs, so that rate times seconds is how
 * many places are taken; a fifth of everything is kept in reserve.
 */

/** Jobs of one kind, as they come. */
export interface Load {
  readonly kind: string;
  readonly queue: string;
  readonly jobsPerSecond: number;
  /** The same in the busiest part of the time that was looked at: everything is sized for that. */
  readonly busiestPerSecond: number;
  /** Seconds that one takes a place of a worker, all of its attempts together. */
  readonly secondsPerJob: number;
}

/** A service of the stack, at its most. */
export interface ServiceSupply {
  /** Most that there may be of it. */
  readonly copies: number;
  /** CPUs of one. */
  readonly cpus: number;
  /** Key of the stack's file, without `slipway:`, that says how many. @default none: it is there once, or not */
  readonly copiesKey?: string | undefined;
}

export interface WorkerSupply extends ServiceSupply {
  readonly name: string;
  readonly queues: readonly string[];
  /** Jobs that one works on at the same time. */
  readonly concurrency: number;
  readonly concurrencyKey: string;
}

/** What a stack's file gives. */
export interface Supply {
  readonly workers: readonly WorkerSupply[];
  readonly api: ServiceSupply;
  /** Who may hold connections to Postgres, each at its most. */
  readonly users: readonly ConnectionUser[];
  readonly maxConnections: number;
  /** Key that says how many. @default it cannot be changed */
  readonly maxConnectionsKey?: string;
  /** CPUs that Postgres may use for good. @default nobody knows: it is another's */
  readonly database?: { readonly cpus: number; readonly key: string };
  /** CPUs that the pools have for CPU workers. @default nodes are another's */
  readonly nodes?: {
    readonly cpus: number;
    /** What one worker has reserved. */
    readonly cpusPerWorker: number;
    readonly cpusPerNode: number;
    readonly key: string;
    /** What the key says. */
    readonly most: number;
  };
  /** GPU workers that the pools have room for. @default nodes are another's */
  readonly gpu?: { readonly places: number; readonly placesPerNode: number; readonly key: string };
}

/** Something that may be short. */
export interface Bound {
  readonly what: string;
  /** What is counted: `workers`, `connections`, `CPUs`. */
  readonly unit: string;
  /** With the reserve. */
  readonly needed: number;
  readonly there: number;
  readonly isEnough: boolean;
  /** What the stack's file would have to say: any one of it. Empty where it is enough, or no key changes it. */
  readonly set: readonly string[];
}

/** What of one worker a load needs. */
export interface WorkerNeed {
  readonly name: string;
  readonly queues: readonly string[];
  /** Jobs that run at the same moment, on average. */
  readonly jobsAtOnce: number;
  readonly concurrency: number;
  readonly copies: number;
  readonly neededCopies: number;
}

export interface Capacity {
  readonly workers: readonly WorkerNeed[];
  readonly bounds: readonly Bound[];
  readonly isEnough: boolean;
  /** What is used most, and so short first; nothing without a load. */
  readonly limitedBy: string | undefined;
  /** How many times this load the stack's file carries, reserve kept. */
  readonly timesCarried: number | undefined;
}

/** A bound before it is judged. `exact`: what is needed as a part of a copy, where it grows with the load. */
type Asked = Omit<Bound, "isEnough"> & { readonly exact?: number };

/** Says what a load needs of what a stack's file gives. */
export function planCapacity(load: readonly Load[], supply: Supply): Capacity {
  const needs = supply.workers.map((worker) => ({ worker, exact: exactCopies(load, worker) }));
  const asked = [
    ...needs.map(({ worker, exact }) => workerBound(worker, exact)),
    ...shared(load, supply),
    connectionBound(needs, supply),
    ...nodeBound(needs, supply),
    ...gpuBound(needs, supply),
  ];
  const bounds = asked.map(({ what, unit, needed, there, set }): Bound => {
    const isEnough = needed <= there;
    return { what, unit, needed, there, isEnough, set: isEnough ? [] : set };
  });
  const [tightest] = asked
    .flatMap(({ what, there, exact = 0 }) => (exact > 0 ? [{ what, times: there / exact }] : []))
    .sort((a, b) => a.times - b.times);
  const short = bounds.find(({ isEnough }) => !isEnough);
  return {
    workers: needs.map(({ worker, exact }) => workerNeed(load, worker, exact)),
    bounds,
    isEnough: short === undefined,
    limitedBy: tightest?.what,
    timesCarried: tightest?.times,
  };
}

const servedBy = (load: readonly Load[], { queues }: WorkerSupply) =>
  load.filter(({ queue }) => queues.includes(queue));

const perSecond = (load: readonly Load[]) => load.reduce((sum, { busiestPerSecond }) => sum + busiestPerSecond, 0);

const placesOf = (load: readonly Load[]) =>
  load.reduce((sum, { busiestPerSecond, secondsPerJob }) => sum + busiestPerSecond * secondsPerJob, 0);

/** By places, and by the CPU that a job costs the worker itself: many short ones take little place. */
function exactCopies(load: readonly Load[], worker: WorkerSupply): number {
  const own = servedBy(load, worker);
  const byPlaces = placesOf(own) / worker.concurrency;
  const byCpu = (perSecond(own) * JOB_CPU_SECONDS.worker) / worker.cpus;
  return Math.max(byPlaces, byCpu) / SHARE;
}

function workerNeed(load: readonly Load[], worker: WorkerSupply, exact: number): WorkerNeed {
  const { name, queues, concurrency, copies } = worker;
  return {
    ...{ name, queues, concurrency, copies },
    jobsAtOnce: placesOf(servedBy(load, worker)),
    neededCopies: wholes(exact),
  };
}

function workerBound(worker: WorkerSupply, exact: number): Asked {
  const { name, copies, copiesKey } = worker;
  const needed = wholes(exact);
  const set = [
    ...(copiesKey === undefined ? [] : [`slipway:${copiesKey}: ${needed}`]),
    ...morePlaces(worker, exact),
    ...(copies === 0 && copiesKey === undefined ? ["slipway:gpu.mode: on"] : []),
  ];
  return { what: name, unit: "workers", needed, there: copies, exact, set };
}

/** More at once in each of the copies that there are: for jobs that wait rather than compute. */
function morePlaces({ copies, concurrency, concurrencyKey }: WorkerSupply, exact: number): readonly string[] {
  return copies > 0 && exact > copies ? [`slipway:${concurrencyKey}: ${wholes((exact * concurrency) / copies)}`] : [];
}

/** What all jobs go through: the API, Postgres and Redis. */
function shared(load: readonly Load[], { api, database }: Supply): readonly Asked[] {
  const rate = perSecond(load);
  const apis = (rate * JOB_CPU_SECONDS.api) / api.cpus / SHARE;
  const cpus = (rate * JOB_CPU_SECONDS.database) / SHARE;
  const setApi = api.copiesKey === undefined ? [] : [`slipway:${api.copiesKey}: ${wholes(apis)}`];
  return [
    { what: "api", unit: "copies", needed: wholes(apis), there: api.copies, exact: apis, set: setApi },
    ...(database === undefined
      ? []
      : [
          {
            ...{ what: "Postgres", unit: "CPUs", needed: tenths(cpus), there: database.cpus, exact: cpus },
            set: [`slipway:${database.key}: ${tenths(cpus)}`],
          },
        ]),
    {
      ...{ what: "Redis", unit: "jobs/s", needed: wholes(rate / SHARE), there: Math.floor(CACHE_JOBS_PER_SECOND) },
      ...{ exact: rate / SHARE, set: [] },
    },
  ];
}

interface Need {
  readonly worker: WorkerSupply;
  readonly exact: number;
}

/** Connections once as many workers run as are needed; others stay what they are. */
function connectionBound(needs: readonly Need[], { users, maxConnections, maxConnectionsKey }: Supply): Asked {
  const needed = (name: string, replicas: number) =>
    Math.max(replicas, wholes(needs.find(({ worker }) => worker.name === name)?.exact ?? 0));
  const wanted = users.map((user) => ({ ...user, replicas: needed(user.name, user.replicas) }));
  const budget = planConnections(wanted, maxConnections);
  const set =
    maxConnectionsKey === undefined
      ? needs.flatMap(({ worker, exact }) => morePlaces(worker, exact))
      : [`slipway:${maxConnectionsKey}: ${budget.needed + SUPERUSER_RESERVED}`];
  return { what: "Postgres", unit: "connections", needed: budget.needed, there: budget.available, set };
}

/** What CPU workers have reserved has to fit on nodes. */
function nodeBound(needs: readonly Need[], { nodes }: Supply): readonly Asked[] {
  const copies = needs.find(({ worker }) => worker.name === "worker-cpu")?.exact ?? 0;
  if (nodes === undefined) return [];
  const needed = tenths(wholes(copies) * nodes.cpusPerWorker);
  const more = wholes((needed - nodes.cpus) / nodes.cpusPerNode);
  return [
    {
      ...{ what: "CPU pools", unit: "CPUs", needed, there: nodes.cpus, exact: copies * nodes.cpusPerWorker },
      set: [`slipway:${nodes.key}: ${nodes.most + more}`],
    },
  ];
}

/** GPU workers need a GPU, a turn or a slice each; the stack's pools have so many. */
function gpuBound(needs: readonly Need[], { gpu }: Supply): readonly Asked[] {
  const exact = needs.find(({ worker }) => worker.name === "worker-gpu")?.exact ?? 0;
  if (gpu === undefined) return [];
  const nodes = wholes(wholes(exact) / Math.max(1, gpu.placesPerNode));
  return [
    {
      ...{ what: "GPU pools", unit: "workers", needed: wholes(exact), there: gpu.places, exact },
      set: [`slipway:${gpu.key}: ${nodes}`],
    },
  ];
}

/** Sums of fractions end a little above a whole number. */
function wholes(exact: number): number {
  return Math.max(0, Math.ceil(exact - 1e-9));
}

function tenths(exact: number): number {
  return Math.ceil(exact * 10 - 1e-9) / 10;
}
