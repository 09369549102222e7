import { expect, it } from "vitest";
import { failingChecks } from "../../jobs/health.ts";
import { createReconciler } from "../../jobs/reconciler.ts";
import { heldKey, QUEUE_PREFIX } from "../../jobs/wake.ts";
import { until } from "../servers/programs.ts";
import { useWorld } from "./world.ts";

const world = useWorld();

const EVICTING = "volatile-lru allkeys-lru volatile-lfu allkeys-lfu volatile-random allkeys-random volatile-ttl";

async function keys(pattern: string): Promise<string[]> {
  return (await world().redis("KEYS", `${QUEUE_PREFIX}:${pattern}`)) as string[];
}

it("921: no process is ready on a Redis that evicts, whatever its policy", async () => {
  for (const policy of EVICTING.split(" ")) {
    await world().redis("CONFIG", "SET", "maxmemory-policy", policy);
    const failing = await failingChecks(world().foundation.checks);
    expect(failing).toMatchObject([{ dependency: "redis" }]);
    expect(failing[0]?.reason).toContain(`maxmemory-policy is ${policy}, must be noeviction`);
  }
  await world().redis("CONFIG", "SET", "maxmemory-policy", "noeviction");
  expect(await failingChecks(world().foundation.checks)).toEqual([]);
});

it("1046: an eviction of the locks alone, the keys that expire, makes no job run twice", async () => {
  const ids = await world().makeMany(30);
  await world().relay();
  const release = await world().holdRow(ids[0] ?? "");
  await world().start({}, 30);
  // The claim waits for the row, so the bundle stays fetched.
  await until("it is fetched", async () => (await world().waitingForRows()) === 1);
  await world().start({}, 30);
  await until("the other worker has fetched it, too", async () => {
    const locks = await keys("default:*:lock");
    if (locks.length > 0) await world().redis("DEL", ...locks); // As volatile-lru does under pressure.
    return (await world().waitingForRows()) === 2;
  });
  await release();
  expect(await world().notOnce(ids)).toEqual([]);
});

it("2737: a Redis that really evicts loses no job: not by its lists, its bundles or all of it", async () => {
  const ids = await world().makeMany(120);
  await world().relay();
  await world().stack.pool.query("UPDATE jobs SET run_at = now() - interval '10 s'");
  await world().redis("CONFIG", "SET", "maxmemory-policy", "allkeys-random");
  const before = (await keys("*")).length;
  const used = Number(/used_memory:(\d+)/.exec(String(await world().redis("INFO", "memory")))?.[1]);
  await world().redis("CONFIG", "SET", "maxmemory", String(used));
  const left = async () => (await keys("*")).length;
  for (let junk = 0; (await left()) > before / 2; junk += 1) {
    await world().redis("SET", `junk-${junk}`, "x".repeat(10_000));
  }
  await world().redis("CONFIG", "SET", "maxmemory", "0");
  await world().start({}, 10);
  expect(await world().notOnce(ids)).toEqual([]);
});

it.each([
  ["the lists", "default:wait"],
  ["the bundles", "default:*-*"],
])("2737: jobs run all the same when %s of Redis went by an eviction (by DEL)", async (_, pattern) => {
  const ids = await world().makeMany(120);
  await world().relay();
  await world().stack.pool.query("UPDATE jobs SET run_at = now() - interval '10 s'");
  const gone = await keys(pattern);
  expect(gone.length).toBeGreaterThan(0);
  await world().redis("DEL", ...gone);
  await world().redis("SET", `${QUEUE_PREFIX}:filled`, await runId());
  await world().start({}, 10);
  expect(await world().notOnce(ids)).toEqual([]);
  await until("nothing is left", async () => (await keys("default:*-*")).length === 0);
});

it("2737: jobs run once when the map of what Redis holds went (by DEL), so that all are added a second time", async () => {
  const ids = await world().makeMany(120);
  await world().relay();
  await world().stack.pool.query("UPDATE jobs SET run_at = now() - interval '10 s'");
  await world().redis("DEL", heldKey("default"));
  const { log } = world().testLog;
  expect(await createReconciler({ ...world().foundation, log }).checkNext()).toBe(120);
  await world().start({}, 10);
  expect(await world().notOnce(ids)).toEqual([]);
  await until("nothing is left", async () => (await keys("default:*-*")).length === 0);
  expect(ids.filter((id) => world().runs.get(id) !== 1)).toEqual([]);
});

async function runId(): Promise<string> {
  return /^run_id:(?<id>\w+)/m.exec(String(await world().redis("INFO", "server")))?.groups?.["id"] ?? "";
}
