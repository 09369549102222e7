import type { Redis } from "ioredis";
import type { Pool } from "pg";
import type { RuntimeConfig } from "../configs/runtime.ts";
import { openDatabase } from "./database.ts";
import { createReadiness, databaseChecks, failingChecks, redisCheck, type Check, type Failing } from "./health.ts";
import type { Logger } from "./log.ts";
import type { ObjectStore } from "./object-store.ts";
import { openObjects } from "./objects.ts";
import { untilItWorks } from "./patience.ts";
import type { CloseStack } from "./process.ts";
import { openRedis } from "./redis.ts";
import { kindsOfTenants, loadKinds, type Kinds } from "./registry.ts";
import { SCHEMA_LEVEL } from "./schema-level.ts";
import { createWake, type Wake } from "./wake.ts";

/** What API and worker stand on. */
export interface Foundation {
  readonly pool: Pool;
  /** A connection that fails rather than waits. */
  readonly redis: Redis;
  readonly wake: Wake;
  readonly objects: ObjectStore;
  readonly kinds: Kinds;
  readonly checks: readonly Check[];
  /** What is failing, not older than half a second. */
  readonly readiness: () => Promise<Failing[]>;
}

/** Opens connections; nothing has to answer yet. What was opened is on the stack. */
export async function openFoundation(
  config: RuntimeConfig<"api"> | RuntimeConfig<"worker">,
  log: Logger,
  stack: CloseStack,
): Promise<Foundation> {
  const all = await loadKinds();
  const kinds = config.program === "api" ? kindsOfTenants(all) : all;
  const objects = openObjects(config.OBJECTS_URL);
  const pool = openDatabase({ ...config, schemaLevel: SCHEMA_LEVEL }, log);
  stack.add("database", () => pool.end());
  const redis = openRedis(config, log);
  stack.add("redis", async () => {
    redis.disconnect();
  });
  redis.connect().catch(() => undefined); // Its error event tells, and it goes on trying.
  const wake = createWake(redis, log);
  stack.add("queues", () => wake.close());
  const use = config.program === "worker" ? "write" : "read";
  const checks = [...databaseChecks(pool), redisCheck(redis), { name: "objects", run: () => objects.check(use) }];
  return { pool, redis, wake, objects, kinds, checks, readiness: createReadiness(checks) };
}

/**
 * Waits until every check passes, for a minute at most.
 *
 * @throws OutOfPatience naming what fails
 */
export async function waitUntilReady(checks: readonly Check[], log: Logger, stopped: AbortSignal): Promise<void> {
  await untilItWorks(
    async () => {
      const failing = await failingChecks(checks);
      if (failing.length > 0) throw new Error(failing.map((f) => `${f.dependency}: ${f.reason}`).join("; "));
    },
    { what: "what this process needs", log, signal: stopped },
  );
}
