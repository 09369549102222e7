import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { z } from "zod";
import { startStack, type TestStack } from "../test/servers/stack.ts";
import { defineKind, type KindSchedule } from "./kind.ts";
import {
  deleteSchedule,
  listSchedules,
  pauseSchedule,
  putSchedule,
  readSchedule,
  resumeSchedule,
  syncSchedules,
  type NewSchedule,
} from "./schedules.ts";
import type { Kinds } from "./registry.ts";

let stack: TestStack;
beforeAll(async () => {
  stack = await startStack();
});
afterAll(() => stack.close());
beforeEach(() => stack.pool.query("DELETE FROM schedules"));

const HOURLY: NewSchedule = {
  tenant: "acme",
  name: "hourly",
  kind: "sum",
  queue: "default",
  params: { numbers: [1] },
  timing: { is: "cron", expression: "0 * * * *", timezone: "Europe/Berlin" },
};

async function put(change: Partial<NewSchedule> = {}) {
  const outcome = await putSchedule(stack.pool, { ...HOURLY, ...change });
  if (outcome.is === "taken") throw new Error("the name is taken");
  return outcome;
}

describe("a tenant's schedule", () => {
  it("is made, read, listed and deleted by that tenant alone", async () => {
    expect((await put()).is).toBe("made");
    const read = await readSchedule(stack.pool, "acme", "hourly");
    expect(read).toMatchObject({ ...HOURLY, priority: 0, paused: false, source: "api", lastAt: undefined });
    expect(read?.nextAt.getMinutes()).toBe(0);
    expect(read?.nextAt.getTime()).toBeGreaterThan(Date.now() - 5000);
    for (const name of ["a", "z"]) await put({ name });
    await put({ tenant: "other", name: "b" });
    const names = async (limit: number, after?: string) =>
      (await listSchedules(stack.pool, "acme", limit, after)).map((schedule) => schedule.name);
    expect(await names(2)).toEqual(["a", "hourly"]);
    expect(await names(2, "hourly")).toEqual(["z"]);
    expect(await readSchedule(stack.pool, "other", "hourly")).toBeUndefined();
    for (const change of [deleteSchedule, pauseSchedule, resumeSchedule])
      expect(await change(stack.pool, "other", "hourly")).toBeFalsy();
    expect(await deleteSchedule(stack.pool, "acme", "hourly")).toBe(true);
    expect(await readSchedule(stack.pool, "acme", "hourly")).toBeUndefined();
  });

  it("keeps its next time unless its timing changes", async () => {
    const every = (everySeconds: number) => ({ timing: { is: "interval", everySeconds } as const });
    const first = await put(every(60));
    const again = await put({ ...every(60), params: { numbers: [2] } });
    expect(again.is).toBe("changed");
    expect(again.schedule.nextAt).toEqual(first.schedule.nextAt);
    expect(again.schedule.params).toEqual({ numbers: [2] });
    const slower = await put(every(3600));
    expect(slower.schedule.nextAt.getTime()).toBeGreaterThan(first.schedule.nextAt.getTime() + 3_000_000);
  });

  it("that is paused goes on after now, and stays paused when it is changed", async () => {
    await put({ timing: { is: "interval", everySeconds: 60 } });
    await pauseSchedule(stack.pool, "acme", "hourly");
    expect((await put({ timing: { is: "interval", everySeconds: 90 } })).schedule.paused).toBe(true);
    await stack.pool.query("UPDATE schedules SET next_at = now() - interval '1 day'");
    const resumed = await resumeSchedule(stack.pool, "acme", "hourly");
    expect(resumed?.paused).toBe(false);
    expect(resumed?.nextAt.getTime()).toBeGreaterThan(Date.now() + 60_000);
    expect((await resumeSchedule(stack.pool, "acme", "hourly"))?.nextAt).toEqual(resumed?.nextAt);
  });

  it("is refused with the reason where it is wrong, and nothing is changed", async () => {
    await expect(put({ name: "Not A Name" })).rejects.toThrow('schedule name is "Not A Name"');
    const never = { is: "cron", expression: "0 0 31 2 *", timezone: "UTC" } as const;
    await expect(put({ timing: never })).rejects.toThrow("schedule hourly: cron is");
    expect(await listSchedules(stack.pool, "acme", 10)).toEqual([]);
  });
});

function kinds(...schedules: KindSchedule[]): Kinds {
  const one = defineKind({
    name: "tidy",
    params: z.strictObject({}),
    result: z.unknown(),
    queue: "maintenance",
    retry: { maxAttempts: 1, delayMs: 0 },
    timeoutMs: 1000,
    schedules,
    handler: async () => undefined,
  });
  return new Map([["tidy", one]]);
}

const nightly: KindSchedule = { name: "nightly", cron: "0 3 * * *", params: {} };
const often: KindSchedule = { name: "often", everySeconds: 60, params: {} };

describe("schedules of kinds", () => {
  const names = async () => (await listSchedules(stack.pool, "system", 10)).map((schedule) => schedule.name);

  it("are those of the files: put once, kept, and removed when no file names them", async () => {
    expect(await syncSchedules(stack.pool, kinds(nightly, often))).toEqual([]);
    const before = await readSchedule(stack.pool, "system", "often");
    expect(before).toMatchObject({ kind: "tidy", queue: "maintenance", source: "code" });
    await pauseSchedule(stack.pool, "system", "often");
    await syncSchedules(stack.pool, kinds(nightly, often));
    const after = await readSchedule(stack.pool, "system", "often");
    expect(after).toMatchObject({ paused: true, nextAt: before?.nextAt });
    await syncSchedules(stack.pool, kinds(nightly));
    expect(await names()).toEqual(["nightly"]);
  });

  it("are not tenants' to change, and those of tenants are not theirs", async () => {
    await syncSchedules(stack.pool, kinds(nightly));
    expect(await putSchedule(stack.pool, { ...HOURLY, tenant: "system", name: "nightly" })).toEqual({ is: "taken" });
    expect(await deleteSchedule(stack.pool, "system", "nightly")).toBe(false);
    await put({ tenant: "system", name: "often" });
    await put({ name: "mine" });
    expect(await syncSchedules(stack.pool, kinds(often))).toEqual(["often"]);
    expect(await names()).toEqual(["often"]);
    expect(await readSchedule(stack.pool, "system", "often")).toMatchObject({ kind: "sum", source: "api" });
    expect(await readSchedule(stack.pool, "acme", "mine")).toBeDefined();
  });
});
