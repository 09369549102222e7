// graphile-worker: with its defaults (one job a fetch), or `batch` jobs a fetch and settled together as its docs advise.
import { EventEmitter } from "node:events";
import { Logger, makeWorkerUtils, run, runMigrations } from "graphile-worker";
import { now, pace, percentile, serve, stopwatch } from "./protocol.js";

const connectionString = process.env.DATABASE_URL;
const logger = new Logger(() => () => undefined);
await runMigrations({ connectionString, logger });
const utils = await makeWorkerUtils({ connectionString, logger, maxPoolSize: 10 });
const sum = ({ numbers }) => numbers.reduce((total, number) => total + number, 0);

async function start(concurrency, batch, taskList, events = new EventEmitter()) {
  const batched = {
    localQueue: { size: batch },
    completeJobBatchDelay: 0,
    failJobBatchDelay: 0,
  };
  return run({
    noHandleSignals: true,
    taskList,
    events,
    preset: {
      worker: {
        connectionString,
        logger,
        concurrentJobs: concurrency,
        maxPoolSize: Math.min(concurrency + 2, 102),
        ...(batch > 1 ? batched : {}),
      },
    },
  });
}

async function isOpen() {
  const query = "SELECT EXISTS (SELECT FROM graphile_worker._private_jobs) AS open";
  return utils.withPgClient(async (client) => (await client.query(query)).rows[0].open);
}

let latencies = [];
let runner;

await serve({
  fill: async ({ count }) => {
    for (let left = count; left > 0; left -= 1000) {
      const many = Array.from({ length: Math.min(left, 1000) }, () => ({
        identifier: "sum",
        payload: { numbers: [1, 2] },
      }));
      await utils.addJobs(many);
    }
  },
  work: async ({ count, concurrency, batch }) => {
    const watch = stopwatch(count);
    const events = new EventEmitter();
    events.on("job:complete", watch.end);
    const task = async (payload) => {
      watch.start();
      sum(payload);
    };
    const worker = await start(concurrency, batch, { sum: task }, events);
    const seconds = await watch.finished;
    const flushed = performance.now();
    // Batched completions are written after the event: the work is done when no row is left.
    while (await isOpen()) await new Promise((resolve) => setTimeout(resolve, 2));
    await worker.stop();
    return { seconds: seconds + (performance.now() - flushed) / 1000 };
  },
  // Adding and working are processes of their own, as ours are: one is told `listen`, another one `pace`.
  listen: async ({ concurrency }) => {
    latencies = [];
    const task = async ({ sentAt }) => {
      latencies.push(now() - sentAt);
    };
    runner = await start(concurrency, 1, { stamp: task });
  },
  pace: async ({ count, perSecond }) => {
    await pace(count, perSecond, () => utils.addJob("stamp", { sentAt: now() }));
  },
  heard: async () => {
    // The last ones may be on their way.
    while (await isOpen()) await new Promise((resolve) => setTimeout(resolve, 2));
    await runner.stop();
    return {
      count: latencies.length,
      mean: latencies.reduce((total, value) => total + value, 0) / latencies.length,
      p50: percentile(latencies, 50),
      p99: percentile(latencies, 99),
    };
  },
});
