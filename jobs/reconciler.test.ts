import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { until } from "../test/servers/programs.ts";
import { createTestLog, startStack, type TestStack } from "../test/servers/stack.ts";
import { loadRuntime } from "../configs/runtime.ts";
import { openFoundation, type Foundation } from "./foundation.ts";
import { failingChecks } from "./health.ts";
import { startMaintenance } from "./maintenance.ts";
import { createCloseStack, type CloseStack } from "./process.ts";
import { createReconciler } from "./reconciler.ts";
import { relayOutbox } from "./relay.ts";
import { insertJob } from "./store.ts";
import { heldKey, type WakePayload } from "./wake.ts";
import { SCHEMA_LEVEL } from "./schema-level.ts";

const { log } = createTestLog();
let stack: TestStack;
let closing: CloseStack;
let foundation: Foundation;
beforeAll(async () => {
  stack = await startStack();
});
afterAll(() => stack.close());
beforeEach(async () => {
  await stack.reset();
  closing = createCloseStack(log);
  foundation = await openFoundation(loadRuntime("api", stack.env), log, closing);
  await until("Redis is connected", () => foundation.redis.status === "ready");
});
afterEach(() => closing.close());

async function insert(count: number, delayMs = 0): Promise<void> {
  for (let id = 1; id <= count; id += 1) {
    await insertJob(stack.pool, {
      id: String(id),
      tenant: "default",
      kind: "sum",
      queue: id % 2 ? "default" : "cpu",
      params: {},
      delayMs,
    });
  }
}

/** Keys of the bundles that Redis holds. */
async function bundles(queue = "*"): Promise<string[]> {
  return (await stack.redis.command("KEYS", `slipway:${queue}:*-*`)) as string[];
}

/** Entries of all bundles that Redis holds. */
async function held(): Promise<string[]> {
  const lists = (await bundles()).map(async (key) => {
    const data = (await stack.redis.command("HGET", key, "data")) as string;
    return (JSON.parse(data) as WakePayload).entries;
  });
  return (await Promise.all(lists)).flat().sort();
}

async function outboxSize(): Promise<unknown> {
  return (await stack.pool.query<{ n: number }>("SELECT count(*)::int AS n FROM outbox")).rows[0]?.n;
}

describe("relay", () => {
  it("moves every wake-up to its queue and empties the outbox", async () => {
    await insert(5);
    expect(await relayOutbox(foundation.pool, foundation.wake)).toBe(5);
    expect(await held()).toEqual(["1-0", "2-0", "3-0", "4-0", "5-0"]);
    expect(await outboxSize()).toBe(0);
    expect(await stack.redis.command("LLEN", "slipway:default:wait")).toBe(1);
  });

  it("keeps the outbox when Redis does not take it", async () => {
    await insert(3);
    await stack.redis.command("CONFIG", "SET", "maxmemory", "1");
    await expect(relayOutbox(foundation.pool, foundation.wake)).rejects.toThrow(/OOM/);
    expect(await outboxSize()).toBe(3);
    await stack.redis.command("CONFIG", "SET", "maxmemory", "0");
    expect(await relayOutbox(foundation.pool, foundation.wake)).toBe(3);
  });

  it("keeps the delay of a job", async () => {
    await insert(1, 60_000);
    await relayOutbox(foundation.pool, foundation.wake);
    expect(await stack.redis.command("ZCARD", "slipway:default:delayed")).toBe(1);
  });
});

describe("reconciler", () => {
  const create = () => createReconciler({ ...foundation, log });

  it("fills an empty Redis, delayed jobs too, and then leaves it", async () => {
    await insert(4, 60_000);
    const reconciler = create();
    expect(await reconciler.fillIfLost()).toBe(4);
    expect(await reconciler.fillIfLost()).toBe(0);
    await stack.redis.command("FLUSHALL");
    expect(await reconciler.fillIfLost()).toBe(4);
    expect(await held()).toEqual(["1-0", "2-0", "3-0", "4-0"]);
  });

  it("fills a Redis that restarted, whatever it remembers", async () => {
    const reconciler = create();
    await reconciler.fillIfLost();
    await stack.redis.kill();
    await stack.redis.start();
    await until("Redis is connected", () => foundation.redis.status === "ready");
    await insert(2);
    expect(await reconciler.fillIfLost()).toBe(2);
  });

  it("finds single wake-ups that are missing, and only those", async () => {
    await insert(6);
    await relayOutbox(foundation.pool, foundation.wake);
    await stack.pool.query("UPDATE jobs SET run_at = now() - interval '10 s' WHERE id <> 4");
    await stack.redis.command("DEL", ...(await bundles("cpu")));
    const reconciler = create();
    expect(await reconciler.checkNext()).toBe(2); // 4 is too young: it may be on its way.
    expect(await reconciler.checkNext()).toBe(0);
    expect(await held()).toEqual(["1-0", "2-0", "3-0", "5-0", "6-0"]);
    // A bundle that was being put away when its worker died.
    await stack.redis.command("HDEL", heldKey("default"), "3-0");
    expect(await reconciler.checkNext()).toBe(1);
    expect(await held()).toEqual(["1-0", "2-0", "3-0", "3-0", "5-0", "6-0"]);
  });

  it("does not fill twice at once", async () => {
    await insert(3);
    const filled = await Promise.all([create().fillIfLost(), create().fillIfLost(), create().fillIfLost()]);
    expect(filled.reduce((sum, n) => sum + n, 0)).toBeLessThanOrEqual(9);
    expect(await held()).toEqual(["1-0", "2-0", "3-0"]);
  });
});

describe("maintenance", () => {
  it("relays what another process left behind, and asks little when there is nothing to do", async () => {
    await insert(2);
    const maintenance = startMaintenance({ ...foundation, log });
    await until("the outbox is empty", async () => (await outboxSize()) === 0);
    let queries = 0;
    foundation.pool.on("acquire", () => (queries += 1));
    await until("it has ticked", () => queries > 0);
    await new Promise((resolve) => setTimeout(resolve, 100));
    queries = 0;
    await new Promise((resolve) => setTimeout(resolve, 5000));
    await maintenance.close();
    // One pulse a second, and the check of overdue jobs each fifth.
    expect(queries).toBeLessThanOrEqual(7);
  });
});

describe("readiness", () => {
  it("names everything that fails, and why", async () => {
    expect(await failingChecks(foundation.checks)).toEqual([]);
    await stack.redis.command("CONFIG", "SET", "maxmemory-policy", "allkeys-lru");
    expect(await failingChecks(foundation.checks)).toEqual([
      {
        dependency: "redis",
        reason: "maxmemory-policy is allkeys-lru, must be noeviction; set it in the configuration of Redis",
      },
    ]);
    await stack.asSuperuser(`UPDATE schema_migrations SET version = version - ${SCHEMA_LEVEL}`);
    await stack.redis.kill();
    const both = await failingChecks(foundation.checks);
    expect(both.map((f) => f.dependency)).toEqual(["migrations", "redis"]);
    expect(both[0]?.reason).toBe(
      `the database is at migration 0, must be at ${SCHEMA_LEVEL} or newer; run the migrate program`,
    );
    await until(
      "the reason is told",
      async () => (await failingChecks(foundation.checks))[1]?.reason.includes("ECONNREFUSED") === true,
    );
    await stack.redis.start();
    await stack.asSuperuser("UPDATE schema_migrations SET version = version + 9");
    await until("it is ready", async () => (await failingChecks(foundation.checks)).length === 0);
  });
});
