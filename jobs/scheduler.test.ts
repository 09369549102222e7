import fc from "fast-check";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { until } from "../test/servers/programs.ts";
import { createTestLog, startStack, type TestStack } from "../test/servers/stack.ts";
import { leaseIds, type IdLease } from "./id-lease.ts";
import type { Lease } from "./leases.ts";
import { fireSchedules, followingTime, setIntervalsRight } from "./schedule-fire.ts";
import { startScheduler, type Scheduler } from "./scheduler.ts";
import { pauseSchedule, putSchedule, readSchedule, type NewSchedule } from "./schedules.ts";

const { log, lines } = createTestLog();
let stack: TestStack;
let ids: IdLease;
beforeAll(async () => {
  stack = await startStack();
  ids = await leaseIds(stack.pool, log);
});
afterAll(async () => {
  await ids.close();
  await stack.close();
});
const running: Scheduler[] = [];
beforeEach(() => stack.pool.query("DELETE FROM schedules; DELETE FROM jobs; DELETE FROM outbox; DELETE FROM leases"));
afterEach(async () => {
  await Promise.all(running.splice(0).map((scheduler) => scheduler.close()));
});

async function put(name: string, change: Partial<NewSchedule> = {}): Promise<void> {
  const timing = { is: "interval", everySeconds: 60 } as const;
  const params = { numbers: [1] };
  await putSchedule(stack.pool, { tenant: "acme", name, kind: "sum", queue: "default", params, timing, ...change });
}

function makeDue(ago = "1 s"): Promise<unknown> {
  return stack.pool.query(`UPDATE schedules SET next_at = now() - interval '${ago}'`);
}

const fire = () => fireSchedules(stack.pool, () => ids.next(), 2000, log);

async function count(sql: string): Promise<number> {
  const [row] = await stack.asSuperuser(`SELECT count(*)::int AS n FROM ${sql}`);
  return Number(row?.["n"]);
}

describe("firing", () => {
  it("makes the job and its wake-up, and moves the schedule on", async () => {
    await put("one", { priority: 7, params: { numbers: [1, 2] }, queue: "cpu" });
    expect((await fire()).jobs).toEqual([]);
    await makeDue();
    const { jobs, nextInMs } = await fire();
    expect(nextInMs).toBeUndefined();
    const [row] = await stack.asSuperuser("SELECT * FROM jobs");
    expect(row).toMatchObject({ id: jobs[0], tenant: "acme", kind: "sum", queue: "cpu", state: "queued", priority: 7 });
    expect(row).toMatchObject({ schedule: "one", params: { numbers: [1, 2] } });
    expect(await stack.asSuperuser("SELECT job_id, queue, priority FROM outbox")).toEqual([
      { job_id: jobs[0], queue: "cpu", priority: 7 },
    ]);
    const after = await readSchedule(stack.pool, "acme", "one");
    expect(after).toMatchObject({ lastJobId: jobs[0] });
    expect(after?.nextAt.getTime()).toBeGreaterThan(Date.now() + 50_000);
  });

  it("makes up for many missed times by one job", async () => {
    await put("often");
    await put("nightly", { timing: { is: "cron", expression: "*/5 * * * *", timezone: "UTC" } });
    await makeDue("3 days");
    expect((await fire()).jobs).toHaveLength(2);
    expect((await fire()).jobs).toEqual([]);
  });

  it("leaves alone what was paused, and tells when the next is due", async () => {
    await put("paused");
    await put("soon");
    await pauseSchedule(stack.pool, "acme", "paused");
    await stack.pool.query("UPDATE schedules SET next_at = now() + interval '1 s' WHERE name = 'soon'");
    const { jobs, nextInMs } = await fire();
    expect(jobs).toEqual([]);
    expect(nextInMs).toBeGreaterThan(0);
    expect(nextInMs).toBeLessThanOrEqual(1000);
  });

  it("takes more than one statement holds", async () => {
    await Promise.all(Array.from({ length: 130 }, (_, index) => put(`s-${index}`)));
    await makeDue();
    expect((await fire()).jobs).toHaveLength(130);
  });

  it("pauses a schedule that has no next time, and fires the others", async () => {
    await put("broken", { timing: { is: "cron", expression: "* * * * *", timezone: "UTC" } });
    await put("fine");
    await stack.pool.query("UPDATE schedules SET cron = 'never' WHERE name = 'broken'");
    await makeDue();
    expect((await fire()).jobs).toHaveLength(1);
    expect(await readSchedule(stack.pool, "acme", "fine")).toMatchObject({ paused: false });
    const [row] = await stack.asSuperuser("SELECT paused FROM schedules WHERE name = 'broken'");
    expect(row?.["paused"]).toBe(true);
    expect(lines).toContainEqual(expect.objectContaining({ level: 50, schedule: "broken" }));
  });

  it("takes 1000 times exactly once by 8 schedulers that all believe they lead", async () => {
    const many = await Promise.all(Array.from({ length: 8 }, () => leaseIds(stack.pool, log)));
    await Promise.all(Array.from({ length: 50 }, (_, index) => put(`s-${index}`)));
    const made: string[] = [];
    for (let round = 1; round <= 20; round += 1) {
      await makeDue();
      const all = await Promise.all(many.map((own) => fireSchedules(stack.pool, () => own.next(), 2000, log)));
      made.push(...all.flatMap(({ jobs }) => jobs));
      const once = `(SELECT FROM jobs GROUP BY schedule HAVING count(*) = ${round}) t`;
      expect(await count(once)).toBe(50);
    }
    expect(new Set(made).size).toBe(1000);
    expect(await count("jobs")).toBe(1000);
    expect(await count("outbox")).toBe(1000);
    await Promise.all(many.map((own) => own.close()));
  });

  it("keeps the beat of an interval and is always after now", () => {
    const moment = fc.integer({ min: 0, max: 4e12 });
    fc.assert(
      fc.property(moment, moment, fc.integer({ min: 1, max: 1e6 }), (one, other, everySeconds) => {
        const [due, now] = [Math.min(one, other), Math.max(one, other)];
        const next = followingTime({ is: "interval", everySeconds }, due, now).getTime();
        expect(next).toBeGreaterThan(now);
        expect(next - now).toBeLessThanOrEqual(everySeconds * 1000);
        expect((next - due) % (everySeconds * 1000)).toBe(0);
      }),
    );
  });

  it("goes on with intervals where the clock stepped back by an hour (simulated by next times an hour ahead)", async () => {
    await put("beat");
    await put("nightly", { timing: { is: "cron", expression: "0 3 * * *", timezone: "UTC" } });
    expect(await setIntervalsRight(stack.pool)).toBe(0);
    await stack.pool.query("UPDATE schedules SET next_at = next_at + interval '1 hour'");
    expect(await setIntervalsRight(stack.pool)).toBe(1);
    const beat = await readSchedule(stack.pool, "acme", "beat");
    expect(beat?.nextAt.getTime()).toBeLessThanOrEqual(Date.now() + 61_000);
  });
});

describe("schedulers", () => {
  const always: Lease = { hold: async () => true, release: async () => undefined };

  function start(lease?: Lease): Scheduler {
    const scheduler = startScheduler({ pool: stack.pool, kinds: new Map(), log, ...(lease && { lease }) });
    running.push(scheduler);
    return scheduler;
  }

  it("fire on time, in every beat once, with one that leads or with several", async () => {
    await put("beat", { timing: { is: "interval", everySeconds: 1 } });
    for (const lease of [undefined, undefined, always, always]) start(lease);
    await until("three beats are over", async () => (await count("jobs")) >= 3);
    const beats = await stack.asSuperuser(
      "SELECT count(*)::int AS n FROM jobs GROUP BY date_trunc('second', created_at)",
    );
    expect(await count("jobs")).toBeLessThanOrEqual(beats.length + 1);
  });

  it("hand the lead on when they close", async () => {
    const first = start();
    await until("the first leads", async () => (await count("leases")) === 1);
    const [before] = await stack.asSuperuser("SELECT holder FROM leases");
    start();
    await first.close();
    await put("beat", { timing: { is: "interval", everySeconds: 1 } });
    await until("the second fires", async () => (await count("jobs")) > 0);
    const [after] = await stack.asSuperuser("SELECT holder FROM leases");
    expect(after?.["holder"]).not.toBe(before?.["holder"]);
  });

  it("go on when the database comes back", async () => {
    start();
    await put("beat", { timing: { is: "interval", everySeconds: 1 } });
    await until("it fires", async () => (await count("jobs")) > 0);
    await stack.postgres.kill();
    await new Promise((resolve) => setTimeout(resolve, 500));
    await stack.postgres.start();
    const before = await count("jobs");
    await until("it fires again", async () => (await count("jobs")) > before);
  });
});
