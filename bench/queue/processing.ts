import { join } from "node:path";
import type { QueueName } from "../../configs/runtime.ts";
import { startChild, type Child } from "../child.ts";
import { BENCH, type Peers } from "../install.ts";
import type { Ours } from "../ours.ts";
import { startReady, type ReadyProgram } from "../programs.ts";
import type { Figure } from "../report.ts";
import { ratios } from "../stats.ts";
import type { Context } from "./context.ts";

/** One system that works off a backlog. */
interface System {
  readonly name: string;
  /** Jobs a round; slow systems get fewer, rates are compared. */
  readonly count: number;
  /** Fills a backlog and works it off; gives the seconds that the work took. */
  round(): Promise<number>;
}

/** Jobs a round of each system. */
export interface Counts {
  readonly fast: number;
  readonly slow: number;
}

/** How many times as fast as another system ours has to be. */
const GOALS: Readonly<Record<string, number>> = {
  "BullMQ, raw": 0.8,
  "pg-boss, one by one": 5,
  "Celery, prefork 4": 5,
  "Celery, threads 100": 5,
  "Celery, prefork 4, results kept": 5,
};

/** Every system works off its own backlog, in turn, round by round. */
export async function measureProcessing(context: Context, rounds: number, counts: Counts): Promise<Figure[]> {
  const { ours, peers } = context;
  const children: { stop(): Promise<void> }[] = [];
  const start = (command: readonly string[], env: Record<string, string>) => {
    const child = startChild(command, env, join(ours.folder, "peers.log"));
    children.push(child);
    return child;
  };
  children.push(...(await startOurWorkers(context)));
  const systems = [
    ourSystem(ours, "slipway core", "cpu", counts.fast),
    ourSystem(ours, "slipway worker", "default", counts.fast),
    ...(await nodePeers(ours, counts, start)),
    ...celeryPeers(ours, peers, counts),
  ];
  const rates = new Map<string, number[]>(systems.map(({ name }) => [name, []]));
  try {
    // The first round warms caches and compilers and does not count.
    for (let round = 0; round <= rounds; round += 1) {
      for (const system of systems) {
        context.say(`backlog, round ${round} of ${rounds}: ${system.name}`);
        await ours.numbers("CHECKPOINT");
        const rate = system.count / (await system.round());
        if (round > 0) rates.get(system.name)?.push(rate);
      }
    }
  } finally {
    await Promise.all(children.map((child) => child.stop()));
  }
  return figuresOf(rates);
}

function figuresOf(rates: ReadonlyMap<string, number[]>): Figure[] {
  const own = ["slipway core", "slipway worker"].map((name) => ({ name, values: rates.get(name) ?? [] }));
  const absolute = [...rates].map(([name, values]): Figure => ({ name: `backlog: ${name}`, unit: "jobs/s", values }));
  const compared = own.flatMap(({ name, values }) =>
    [...rates]
      .filter(([other]) => !other.startsWith("slipway"))
      .map(([other, theirs]): Figure => {
        const goal = GOALS[other];
        return {
          name: `backlog: ${name} / ${other}`,
          unit: "x",
          values: ratios(values, theirs),
          ...(goal === undefined ? {} : { goal: { atLeast: goal } }),
        };
      }),
  );
  return [...absolute, ...compared];
}

async function startOurWorkers({ ours, bundles }: Context): Promise<ReadyProgram[]> {
  const env = (queue: QueueName) => ({ WORKER_QUEUES: queue, WORKER_CONCURRENCY: "100" });
  const core = await startReady(ours, "core", [join(BENCH, "core-worker.ts")], env("cpu"));
  return [core, await startReady(ours, "worker", [bundles.worker], env("default"))];
}

/** The worker runs all the time; its queue is held back while the backlog is laid. */
function ourSystem(ours: Ours, name: string, queue: QueueName, count: number): System {
  return {
    name,
    count,
    round: async () => {
      await ours.pause(queue);
      await ours.fill(count, queue);
      await ours.relay();
      await ours.resume(queue);
      await ours.ended(count);
      const seconds = await ours.seconds(count);
      await ours.clear();
      return seconds;
    },
  };
}

type Start = (command: readonly string[], env: Record<string, string>) => Child;

async function nodePeers(ours: Ours, counts: Counts, start: Start): Promise<System[]> {
  const peer = (file: string, env: Record<string, string>) =>
    start([process.execPath, join(BENCH, "peers", file)], env);
  const bullmq = peer("bullmq.js", redisEnv(ours));
  const boss = peer("pg-boss.js", await databaseEnv(ours));
  const graphile = peer("graphile-worker.js", await databaseEnv(ours));
  const system = (name: string, child: Child, count: number, batch = 1): System => ({
    name,
    count,
    round: async () => {
      await child.ask({ do: "fill", count });
      return (await child.ask({ do: "work", count, concurrency: 100, batch }))["seconds"] ?? NaN;
    },
  });
  return [
    system("BullMQ, raw", bullmq, counts.fast),
    system("pg-boss, one by one", boss, counts.slow),
    system("pg-boss, batches of 100", boss, counts.fast, 100),
    system("graphile-worker, one by one", graphile, counts.slow),
    system("graphile-worker, local queue 500", graphile, counts.fast, 500),
  ];
}

/** Celery's pool cannot be started twice in one process: each round starts it, and counts from when it is ready. */
function celeryPeers(ours: Ours, peers: Peers, counts: Counts): System[] {
  const system = (name: string, pool: string, concurrency: number, keepsResults: boolean): System => ({
    name,
    count: counts.slow,
    round: async () => {
      const env = { ...celeryEnv(ours), CELERY_RESULTS: keepsResults ? "1" : "0" };
      const command = [peers.python, join(BENCH, "peers", "celery_peer.py")];
      const child = startChild(command, env, join(ours.folder, "peers.log"));
      try {
        await child.ask({ do: "fill", count: counts.slow });
        return (await child.ask({ do: "work", count: counts.slow, pool, concurrency }))["seconds"] ?? NaN;
      } finally {
        await child.stop();
      }
    },
  });
  return [
    system("Celery, prefork 4", "prefork", 4, false),
    system("Celery, prefork 4, results kept", "prefork", 4, true),
    system("Celery, threads 100", "threads", 100, false),
  ];
}

/** Environment of peers that use our Redis; Celery has a database of its own in it. */
export function redisEnv(ours: Ours): Record<string, string> {
  return { REDIS_PORT: String(ours.stack.redis.port), REDIS_PASSWORD: "redis-secret" };
}

export function celeryEnv(ours: Ours): Record<string, string> {
  return { CELERY_REDIS: `redis://:redis-secret@127.0.0.1:${ours.stack.redis.port}/1` };
}

/** A database of its own on our Postgres. */
export async function databaseEnv(ours: Ours): Promise<Record<string, string>> {
  const name = await ours.stack.postgres.createDatabase();
  return { DATABASE_URL: `postgres://slipway_owner@127.0.0.1:${ours.stack.postgres.port}/${name}` };
}
