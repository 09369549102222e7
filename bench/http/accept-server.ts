/** The whole API, but jobs are not written: `insert` resolves at once. What is left is the way of a request to the database. */
import { buildApp } from "../../app/app.ts";
import { loadRuntime } from "../../configs/runtime.ts";
import { openFoundation } from "../../jobs/foundation.ts";
import { leaseIds } from "../../jobs/id-lease.ts";
import { createLog } from "../../jobs/log.ts";
import { createCloseStack, runService } from "../../jobs/process.ts";

const config = loadRuntime("api", process.env);
const log = createLog("api", config.logLevel, { everyTurn: true });
await runService(log, config.DRAIN_SECONDS, async () => {
  const stack = createCloseStack(log);
  const foundation = await openFoundation(config, log, stack);
  const ids = await leaseIds(foundation.pool, log);
  stack.add("ids", () => ids.close());
  const app = await buildApp({
    ...foundation,
    settings: config,
    log,
    writer: {
      insert: async () => ({ is: "made", createdAt: new Date() }),
      waiting: () => 0,
      written: () => ({ statements: 0, jobs: 0 }),
      close: async () => undefined,
    },
    nextId: () => ids.next(),
    onQueued: () => undefined,
    dependencies: foundation.checks.map((check) => check.name),
    isDraining: () => false,
  });
  stack.add("server", () => app.close());
  await app.listen({ host: config.HOST, port: config.PORT });
  return { stop: () => stack.close() };
});
