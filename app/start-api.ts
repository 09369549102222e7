import { setTimeout as sleep } from "node:timers/promises";
import type { RuntimeConfig } from "../configs/runtime.ts";
import { openFoundation, waitUntilReady, type Foundation } from "../jobs/foundation.ts";
import { startHealthServer } from "../jobs/health-server.ts";
import { leaseIds } from "../jobs/id-lease.ts";
import type { Logger } from "../jobs/log.ts";
import { startMaintenance } from "../jobs/maintenance.ts";
import { createJobWriter } from "../jobs/store.ts";
import { untilItWorks } from "../jobs/patience.ts";
import { createCloseStack, type CloseStack, type Service } from "../jobs/process.ts";
import { buildApp } from "./app.ts";
import type { App } from "./parts.ts";

/**
 * Starts a whole API. While it starts, only its own container can ask how it is (127.0.0.1): a balancer that found the port open
 * would send requests. It listens for everybody once it can serve.
 *
 * @param stopped ends a start that still waits
 */
export async function startApi(config: RuntimeConfig<"api">, log: Logger, stopped: AbortSignal): Promise<Service> {
  const stack = createCloseStack(log);
  const drain = { on: false };
  try {
    const foundation = await openFoundation(config, log, stack);
    const starting = await startHealthServer({ host: "127.0.0.1", port: config.PORT }, async () => [
      { dependency: "api", reason: "still starts" },
      ...(await foundation.readiness()),
    ]);
    stack.add("starting", () => starting.close());
    await waitUntilReady(foundation.checks, log, stopped);
    const app = await openApp(config, log, stack, foundation, drain);
    await starting.close();
    await app.listen({ host: config.HOST, port: config.PORT });
    log.info({ host: config.HOST, port: config.PORT }, "ready");
    return { stop: () => stop(config, stack, drain) };
  } catch (error) {
    await stack.close();
    throw error;
  }
}

async function openApp(
  config: RuntimeConfig<"api">,
  log: Logger,
  stack: CloseStack,
  foundation: Foundation,
  drain: { readonly on: boolean },
): Promise<App> {
  // A database that goes away in the middle of a start is no reason to end it.
  const ids = await untilItWorks(() => leaseIds(foundation.pool, log), { what: "a lease on ids", log });
  stack.add("ids", () => ids.close());
  const maintenance = startMaintenance({ ...foundation, log });
  stack.add("maintenance", () => maintenance.close());
  const writer = createJobWriter(foundation.pool, {
    maxWaiting: config.MAX_WAITING_INSERTS,
    onMade: (jobs) => {
      maintenance.handOff(jobs);
    },
  });
  stack.add("writer", () => writer.close());
  const app = await buildApp({
    ...foundation,
    settings: config,
    log,
    writer,
    nextId: () => ids.next(),
    counts: { relayed: () => maintenance.relayed(), ids: () => ids.state() },
    onQueued: () => {
      maintenance.kick();
    },
    dependencies: foundation.checks.map((check) => check.name),
    isDraining: () => drain.on,
  });
  stack.add("server", () => app.close());
  return app;
}

/** Readiness goes first; requests are served until every balancer has noticed, then those in flight finish. */
async function stop(config: RuntimeConfig<"api">, stack: CloseStack, drain: { on: boolean }): Promise<void> {
  drain.on = true;
  await sleep(config.DRAIN_LINGER_SECONDS * 1000);
  await stack.close();
}
