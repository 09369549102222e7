import { hostname } from "node:os";
import type { RuntimeConfig } from "../configs/runtime.ts";
import { openFoundation, waitUntilReady, type Foundation } from "../jobs/foundation.ts";
import { createReadiness, type Failing } from "../jobs/health.ts";
import { startHealthServer } from "../jobs/health-server.ts";
import type { Logger } from "../jobs/log.ts";
import { createCloseStack, type CloseStack, type Service } from "../jobs/process.ts";
import { openBlockingRedis } from "../jobs/redis.ts";
import { startScheduler } from "../jobs/scheduler.ts";
import { createWorkers, type Workers } from "./create-workers.ts";
import { pauseWhileUnfit, seldom } from "./fitness.ts";
import { openMachinery, type Machinery } from "./machinery.ts";
import { createWorkerMetrics, type WorkerMetrics } from "./metrics.ts";
import { createUpkeepRunner } from "./upkeep-runner.ts";
import { describeWorker } from "./describe-worker.ts";

/** Part of the drain time that is kept for closing, in milliseconds. */
const CLOSING_MS = 3000;

/**
 * Starts a whole worker: health routes at once, jobs as soon as everything it needs answers: database, Redis, objects, the
 * places with their engines, and the GPU.
 *
 * @param stopped ends a start that still waits
 */
export async function startWorker(
  config: RuntimeConfig<"worker">,
  log: Logger,
  stopped: AbortSignal,
): Promise<Service> {
  const stack = createCloseStack(log);
  const phase: Phase = { notReady: { dependency: "worker", reason: "still starts" }, workers: undefined };
  try {
    const foundation = await openFoundation(config, log, stack);
    const machinery = openMachinery(config, log, stack);
    const metrics = createWorkerMetrics({
      slots: config.WORKER_CONCURRENCY,
      ...machinery,
      relayed: () => phase.workers?.relayed(),
    });
    stack.add("metrics", async () => {
      metrics.close();
    });
    const ready = createReadiness([...foundation.checks, ...machinery.checks]);
    const readiness = async () => [...(phase.notReady ? [phase.notReady] : []), ...(await ready())];
    const server = await startHealthServer({ host: config.HOST, port: config.PORT }, readiness, metrics.page);
    stack.add("health routes", () => server.close());
    await Promise.all([waitUntilReady(foundation.checks, log, stopped), machinery.start(stopped)]);
    const workers = await takeJobs(config, log, stack, foundation, machinery, metrics);
    Object.assign(phase, { workers, notReady: undefined });
    log.info({ queues: config.WORKER_QUEUES, concurrency: config.WORKER_CONCURRENCY, port: config.PORT }, "ready");
    return {
      stop: async () => {
        phase.notReady = { dependency: "worker", reason: "stops" };
        await workers.close();
        await stack.close();
      },
    };
  } catch (error) {
    await stack.close();
    throw error;
  }
}

/** How far a worker is. */
interface Phase {
  notReady: Failing | undefined;
  workers: Workers | undefined;
}

async function takeJobs(
  config: RuntimeConfig<"worker">,
  log: Logger,
  stack: CloseStack,
  foundation: Foundation,
  machinery: Machinery,
  metrics: WorkerMetrics,
): Promise<Workers> {
  const blockingRedis = openBlockingRedis(config, log);
  stack.add("queue connection", async () => {
    blockingRedis.disconnect();
  });
  const name = `${hostname()}:${process.pid}`;
  const { pool, kinds, objects } = foundation;
  const runner = createUpkeepRunner(machinery.runner(), { kinds, objects, log, upkeep: { database: pool, objects } });
  const workers = await createWorkers({
    ...foundation,
    blockingRedis,
    log,
    runner: metrics.measure(runner),
    name,
    queues: config.WORKER_QUEUES,
    concurrency: config.WORKER_CONCURRENCY,
    finishWithinMs: Math.max(config.DRAIN_SECONDS * 1000 - CLOSING_MS, 0),
  });
  const stores = foundation.checks.filter((check) => check.name === "objects").map((check) => seldom(check));
  const fitness = pauseWhileUnfit({ checks: [...machinery.checks, ...stores], workers, log });
  stack.add("fitness", () => fitness.close());
  const scheduler = startScheduler({
    ...{ pool, kinds, log },
    onFired: () => {
      workers.kick();
    },
  });
  stack.add("scheduler", () => scheduler.close());
  const describe = describeWorker(foundation.pool, log, name, config);
  machinery.onGpus(describe);
  await describe(machinery.gpus());
  return workers;
}
