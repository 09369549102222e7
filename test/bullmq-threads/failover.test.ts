import { expect, it } from "vitest";
import { startScheduler, type Scheduler } from "../../jobs/scheduler.ts";
import { putSchedule } from "../../jobs/schedules.ts";
import { startRedis } from "../servers/redis.ts";
import { until } from "../servers/programs.ts";
import { TENANT, useWorld } from "./world.ts";

const world = useWorld();

/** Breaks every connection of clients, as a failover or a proxy in between does. */
const cut = () => world().redis("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");

/** A worker that waits in Redis for something to do. */
async function idle(): Promise<void> {
  await until("a worker waits in Redis", async () =>
    String(await world().redis("CLIENT", "LIST")).includes("cmd=bzpopmin"),
  );
}

it("648: a worker goes on when its Redis became a replica while it waited there, and a primary again", async () => {
  await world().start();
  await idle();
  await world().redis("REPLICAOF", "127.0.0.1", "1");
  const during = await world().makeMany(5);
  await until("the relay was refused", () =>
    world().testLog.lines.some((line) => JSON.stringify(line).includes("READONLY")),
  );
  await world().redis("REPLICAOF", "NO", "ONE");
  const after = await world().makeMany(5);
  expect(await world().notOnce([...during, ...after])).toEqual([]);
});

it("1658: a delayed job runs when it is due although connections broke before, and not before", async () => {
  await world().start();
  const [soon, far] = [
    await world().make("work", { delayMs: 3000 }),
    await world().make("work", { delayMs: 3_600_000 }),
  ];
  for (let times = 0; times < 2; times += 1) {
    await idle();
    await cut();
  }
  expect(await world().notOnce([soon])).toEqual([]);
  const { rows } = await world().stack.pool.query<{ early: boolean }>(
    "SELECT started_at < run_at - interval '1 s' AS early FROM jobs WHERE id = $1",
    [soon],
  );
  expect(rows).toEqual([{ early: false }]);
  expect(await world().job(far)).toMatchObject({ state: "queued", attempt: 0 });
});

/** Has a schedule fire now, and gives the job that it made, at its end. */
async function fire(after?: string): Promise<string> {
  const { pool } = world().stack;
  await pool.query("UPDATE schedules SET next_at = now()");
  let made: string | null | undefined = after;
  await until("the schedule has fired", async () => {
    const { rows } = await pool.query<{ id: string | null }>("SELECT last_job_id AS id FROM schedules");
    made = rows[0]?.id;
    return made !== null && made !== after;
  });
  return made ?? "";
}

async function schedule(): Promise<Scheduler> {
  const { pool } = world().foundation;
  const timing = { is: "interval", everySeconds: 3600 } as const;
  await putSchedule(pool, { tenant: TENANT, name: "often", kind: "work", queue: "default", params: {}, timing });
  return startScheduler({ pool, kinds: new Map(), log: world().testLog.log });
}

it("2151: schedules go on when the connections to Redis broke in between", async () => {
  const scheduler = await schedule();
  await world().start();
  const first = await fire();
  await world().ended(first);
  await idle();
  await cut();
  const second = await fire(first);
  expect(await world().notOnce([first, second])).toEqual([]);
  await scheduler.close();
});

it("390: a Redis that is flushed, or crashes and comes back empty, takes no schedule and no job of it", async () => {
  const scheduler = await schedule();
  const first = await fire();
  await world().relay();
  await world().redis("FLUSHALL");
  await world().start();
  await world().ended(first);
  await world().stack.redis.kill();
  const second = await fire(first);
  await world().stack.redis.start();
  expect(await world().notOnce([first, second])).toEqual([]);
  await scheduler.close();
});

it("3298 (not found; its group): jobs run after a failover to a replica that knew nothing of them", async () => {
  const replica = await startRedis("redis-secret");
  const ids = await world().makeMany(60);
  await world().relay();
  // Under the same process id, so that only the marker is missing.
  await world().redis("CONFIG", "SET", "masterauth", "redis-secret");
  await world().redis("REPLICAOF", "127.0.0.1", String(replica.port));
  await until("it holds what the other one held: nothing", async () => (await world().redis("DBSIZE")) === 0);
  await world().redis("REPLICAOF", "NO", "ONE");
  await replica.close();
  await world().start({}, 20);
  expect(await world().notOnce(ids)).toEqual([]);
});
