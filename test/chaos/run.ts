import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { until } from "../servers/programs.ts";
import { unlessInterrupted } from "../../bench/interrupt.ts";
import { UserError } from "../../toolchain/command.ts";
import { startClient } from "./client.ts";
import type { Fault } from "./fault.ts";
import { healRedis } from "./faults/redis.ts";
import { FAULTS } from "./faults/table.ts";
import { Ledger } from "./ledger.ts";
import { judge, STUCK_MS, type Verdict } from "./oracle.ts";
import { createRandom } from "./random.ts";
import { measureRecovery, type Recovery } from "./recovery.ts";
import { noEvents, runSchedule, type Events } from "./schedule.ts";
import { startWorld, type World } from "./world.ts";

export interface ChaosOptions {
  /** Determines what is asked for and what is harmed. */
  readonly seed: string;
  /** Faults to be done, at least. */
  readonly faults: number;
  /** Jobs to be accepted in the planned time, members of batches counted. */
  readonly jobs: number;
  /** Planned time of faults, in minutes. */
  readonly minutes: number;
  /** Names of faults; all when left out. */
  readonly only?: readonly string[];
  /** Takes a part of the product out. */
  readonly mutant?: string;
  /** How long all jobs may take to end when everything is up again, in milliseconds. @default 60,000 */
  readonly stuckMs?: number;
  /** Hangs of 30 s and such. @default false */
  readonly long?: boolean;
  /** Share of jobs that take half a second to one and a half. @default 0.03 */
  readonly longShare?: number;
  /** Told how far it is. */
  readonly say?: (detail: string) => void;
}

export interface ChaosResult {
  readonly options: ChaosOptions;
  readonly seconds: number;
  readonly accepted: number;
  readonly answers: ReadonlyMap<string, number>;
  readonly verdict: Verdict;
  readonly recovery: Recovery;
  readonly events: Events;
  /** Programs that ended without an order. */
  readonly crashes: readonly string[];
}

/** Runs jobs while things break, lets everything come back, and judges. However it ends, nothing of its world is left. */
export async function runChaos(options: ChaosOptions): Promise<ChaosResult> {
  const faults = chosenFaults(options.only);
  const opening = startWorld({ mutant: options.mutant, diskMiB: 1024 + Math.ceil(options.jobs / 100) });
  try {
    return await unlessInterrupted(opening.then((world) => runIn(world, options, faults)));
  } finally {
    await opening.then(
      (world) => world.close(),
      () => undefined, // Its own failure is the result.
    );
  }
}

async function runIn(world: World, options: ChaosOptions, faults: readonly Fault[]): Promise<ChaosResult> {
  const started = performance.now();
  const ledger = new Ledger(join(world.folder, "ledger.ndjson"));
  const events = noEvents();
  await harm(world, options, faults, ledger, events);
  await drain(world, options);
  const outages = events.done.filter(({ fault }) => fault.outage === true);
  return {
    options,
    verdict: await judge(world.database, ledger, outages),
    recovery: await measureRecovery(world.database, events.done, events.hits),
    events,
    accepted: ledger.count,
    answers: ledger.answers,
    crashes: [...world.apis, ...world.workers].flatMap((program) => program.crashes),
    seconds: Math.round((performance.now() - started) / 1000),
  };
}

function chosenFaults(only: readonly string[] | undefined): readonly Fault[] {
  if (!only) return FAULTS;
  const unknown = only.filter((name) => !FAULTS.some((fault) => fault.name === name));
  if (unknown.length > 0) {
    const allowed = FAULTS.map(({ name }) => name).join(", ");
    throw new UserError(`--only names ${unknown.join(", ")}; allowed: ${allowed}`);
  }
  return FAULTS.filter(({ name }) => only.includes(name));
}

async function harm(
  world: World,
  options: ChaosOptions,
  faults: readonly Fault[],
  ledger: Ledger,
  events: Events,
): Promise<void> {
  const random = createRandom(options.seed);
  const forMs = options.minutes * 60_000;
  const started = performance.now();
  const allowance = () => (options.jobs * (performance.now() - started)) / forMs;
  const ports = world.apis.map((api) => api.port);
  const client = await startClient({
    ...{ ports, random: random.branch("client"), ledger, allowance },
    longShare: options.longShare,
  });
  const talker = setInterval(() => {
    const left = Math.max(0, Math.round((forMs - (performance.now() - started)) / 1000));
    options.say?.(`${events.done.length} faults, ${ledger.count} jobs accepted, ${left} s left`);
  }, 1000);
  try {
    const schedule = { world, random: random.branch("faults"), faults, count: options.faults, forMs };
    await runSchedule({ ...schedule, long: options.long === true, events });
    await heal(world);
    // What faults have kept the client from.
    await until("all jobs are accepted", () => ledger.count >= options.jobs, 120_000);
  } finally {
    clearInterval(talker);
    await client.stop();
  }
}

/** Everything is up and as it should be. */
async function heal(world: World): Promise<void> {
  for (const proxy of Object.values(world.proxies)) proxy.set("fine");
  await healRedis(world);
  const programs = [...world.apis, ...world.workers];
  for (const program of programs) program.signal("SIGCONT");
  await Promise.all(programs.map((one) => until(`${one.name} is ready`, () => one.isReady(), 90_000)));
}

const OPEN = "SELECT count(*)::int AS open FROM jobs WHERE state IN ('blocked', 'queued', 'active', 'retrying')";

/** Waits until all jobs have ended, or none of them has for too long. */
async function drain({ database }: World, { stuckMs = STUCK_MS, say }: ChaosOptions): Promise<void> {
  let least = Infinity;
  let deadline = performance.now() + stuckMs;
  for (;;) {
    const { rows } = await database.query<{ open: number }>(OPEN);
    const open = rows[0]?.open ?? 0;
    say?.(`everything is up; ${open} jobs open`);
    if (open === 0 || performance.now() > deadline) return;
    // A backlog takes its time: what counts is that it goes on.
    if (open < least - 100) deadline = performance.now() + stuckMs;
    least = Math.min(least, open);
    await sleep(250);
  }
}
