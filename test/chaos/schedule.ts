import { setTimeout as sleep } from "node:timers/promises";
import type { Fault, LaneName, Scene } from "./fault.ts";
import type { Program } from "./program.ts";
import type { Random } from "./random.ts";
import type { World } from "./world.ts";

/** Lanes that run side by side, and the longest pause between two faults of each, in milliseconds. */
const RUNS: readonly { readonly lane: LaneName; readonly name: string; readonly pauseMs: number }[] = [
  { lane: "quick", name: "quick", pauseMs: 700 },
  { lane: "processes", name: "processes-1", pauseMs: 1500 },
  { lane: "processes", name: "processes-2", pauseMs: 1500 },
  { lane: "servers", name: "servers", pauseMs: 4000 },
];

/** A fault that was done. Times in milliseconds since 1970. */
export interface Done {
  readonly fault: Fault;
  readonly from: number;
  readonly to: number;
}

/** Attempts that a worker held when it was hit. */
export interface Hit {
  readonly at: number;
  readonly held: readonly { readonly id: string; readonly attempt: number }[];
}

/** What happened so far. */
export interface Events {
  readonly done: Done[];
  /** Faults that could not be done when their time came, by name. */
  readonly missed: Map<string, number>;
  readonly hits: Hit[];
  readonly diedAt: Set<string>;
}

export interface ScheduleOptions {
  readonly world: World;
  readonly random: Random;
  readonly faults: readonly Fault[];
  /** Faults to be done. */
  readonly count: number;
  /** Not fewer milliseconds than this; and at most half as long again. */
  readonly forMs: number;
  readonly long: boolean;
  readonly events: Events;
}

export function noEvents(): Events {
  return { done: [], missed: new Map(), hits: [], diedAt: new Set() };
}

/** Does faults in all lanes until there were enough and the time is over. */
export async function runSchedule(options: ScheduleOptions): Promise<void> {
  const { events, count, forMs, faults } = options;
  const started = performance.now();
  const isOver = () => {
    const elapsed = performance.now() - started;
    return elapsed > forMs * 1.5 || (elapsed > forMs && events.done.length >= count);
  };
  await Promise.all(
    RUNS.map(async (lane) => {
      const mine = faults.filter((fault) => fault.lane === lane.lane);
      if (mine.length > 0) await runLane(options, lane, mine, isOver);
    }),
  );
}

async function runLane(
  options: ScheduleOptions,
  { name, pauseMs }: (typeof RUNS)[number],
  faults: readonly Fault[],
  isOver: () => boolean,
): Promise<void> {
  const random = options.random.branch(name);
  const lots = faults.flatMap((fault) => Array.from({ length: fault.weight }, () => fault));
  for (let turn = 0; ; turn += 1) {
    await sleep(random.whole(0, pauseMs));
    if (isOver()) return;
    await runOne(options, random.pick(lots), random.branch(String(turn)));
  }
}

async function runOne({ world, long, events }: ScheduleOptions, fault: Fault, random: Random): Promise<void> {
  const scene: Scene = {
    world,
    random,
    long,
    hit: (worker) => noteHit(world, events, worker),
    died: (point) => events.diedAt.add(point),
  };
  const from = Date.now();
  // One that needs a server which another fault has taken away is missed.
  const done = await fault.run(scene).catch(() => false);
  if (done) events.done.push({ fault, from, to: Date.now() });
  else events.missed.set(fault.name, (events.missed.get(fault.name) ?? 0) + 1);
}

/** Asks Postgres what a worker holds, right before it is hit. */
async function noteHit({ database }: World, events: Events, worker: Program): Promise<void> {
  const query = database.query<{ id: string; attempt: number }>(
    `SELECT j.id, j.attempt FROM jobs j JOIN workers w ON w.id = j.worker
     WHERE j.state = 'active' AND w.name LIKE '%:' || $1::text`,
    [worker.pid],
  );
  const { rows } = await query.catch(() => ({ rows: [] }));
  events.hits.push({ at: Date.now(), held: rows });
}
