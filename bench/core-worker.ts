/** The worker's core without its process: createWorkers over the same servers, handlers in this process, no line a job in the log. */
import { loadRuntime } from "../configs/runtime.ts";
import { openFoundation, waitUntilReady } from "../jobs/foundation.ts";
import { startHealthServer } from "../jobs/health-server.ts";
import { createLog } from "../jobs/log.ts";
import { createCloseStack, runService } from "../jobs/process.ts";
import { openBlockingRedis } from "../jobs/redis.ts";
import { createWorkers } from "../worker/create-workers.ts";
import { SPEECH_ENGINES } from "../worker/engines.ts";
import { createInlineRunner } from "../worker/inline-runner.ts";
import benchStamp from "./kinds/bench-stamp.ts";

const config = loadRuntime("worker", process.env);
const log = createLog("worker", "warn");
await runService(log, config.DRAIN_SECONDS, async (stopped) => {
  const stack = createCloseStack(log);
  const foundation = await openFoundation(config, log, stack);
  await waitUntilReady(foundation.checks, log, stopped);
  const blockingRedis = openBlockingRedis(config, log);
  stack.add("queue connection", async () => {
    blockingRedis.disconnect();
  });
  const kinds = new Map([...foundation.kinds, [benchStamp.name, benchStamp]]);
  const engines = { speech: SPEECH_ENGINES["espeak-ng"]() };
  const workers = await createWorkers({
    ...foundation,
    kinds,
    blockingRedis,
    log,
    runner: createInlineRunner({ ...foundation, kinds, engines, log }),
    name: `bench:${process.pid}`,
    queues: config.WORKER_QUEUES,
    concurrency: config.WORKER_CONCURRENCY,
    finishWithinMs: 5000,
  });
  const server = await startHealthServer({ host: config.HOST, port: config.PORT }, foundation.readiness);
  stack.add("health routes", () => server.close());
  return {
    stop: async () => {
      await workers.close();
      await stack.close();
    },
  };
});
