import { hostname } from "node:os";
import type { RuntimeConfig } from "../configs/runtime.ts";
import { openFoundation, waitUntilReady, type Foundation } from "../jobs/foundation.ts";
import type { Failing } from "../jobs/health.ts";
import { startHealthServer } from "../jobs/health-server.ts";
import type { Logger } from "../jobs/log.ts";
import { createCloseStack, type CloseStack, type Service } from "../jobs/process.ts";
import { openBlockingRedis } from "../jobs/redis.ts";
import { createWorkers } from "./create-workers.ts";
import { SPEECH_ENGINES } from "./engines.ts";

/** Part of the drain time that is kept for closing, in milliseconds. */
const CLOSING_MS = 3000;

/**
 * Starts a whole worker: health routes at once, jobs as soon as everything it needs answers.
 *
 * @param stopped ends a start that still waits
 */
export async function startWorker(
  config: RuntimeConfig<"worker">,
  log: Logger,
  stopped: AbortSignal,
): Promise<Service> {
  const stack = createCloseStack(log);
  const phase: { notReady: Failing | undefined } = { notReady: { dependency: "worker", reason: "still starts" } };
  try {
    const foundation = await openFoundation(config, log, stack);
    const address = { host: config.HOST, port: config.PORT };
    const server = await startHealthServer(address, async () => [
      ...(phase.notReady ? [phase.notReady] : []),
      ...(await foundation.readiness()),
    ]);
    stack.add("health routes", () => server.close());
    const engine = SPEECH_ENGINES["espeak-ng"]();
    await engine.check(stopped);
    await waitUntilReady(foundation.checks, log, stopped);
    const workers = await takeJobs(config, log, stack, foundation, engine);
    phase.notReady = undefined;
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

async function takeJobs(
  config: RuntimeConfig<"worker">,
  log: Logger,
  stack: CloseStack,
  foundation: Foundation,
  speech: ReturnType<(typeof SPEECH_ENGINES)["espeak-ng"]>,
) {
  const blockingRedis = openBlockingRedis(config, log);
  stack.add("queue connection", async () => {
    blockingRedis.disconnect();
  });
  return createWorkers({
    ...foundation,
    blockingRedis,
    log,
    engines: { speech },
    name: `${hostname()}:${process.pid}`,
    queues: config.WORKER_QUEUES,
    concurrency: config.WORKER_CONCURRENCY,
    finishWithinMs: Math.max(config.DRAIN_SECONDS * 1000 - CLOSING_MS, 0),
  });
}
