import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { WEEKDAYS } from "../configs/backup-settings.ts";
import { dueWork, lastDaily, lastWeekly, type LastGood, type Timetable } from "./timetable.ts";

const DAY = 24 * 60 * 60 * 1000;
const time = fc.date({ min: new Date("2026-01-01"), max: new Date("2030-01-01"), noInvalidDate: true });
const timetable = fc.record({
  dailyAt: fc
    .tuple(fc.nat(23), fc.nat(59))
    .map(([hour, minute]) => `${String(hour).padStart(2, "0")}:${String(minute).padStart(2, "0")}`),
  fullOn: fc.constantFrom(...WEEKDAYS),
  drillDays: fc.integer({ min: 1, max: 90 }),
});

describe("any timetable", () => {
  it("has one time within the day before any moment, and one of the right weekday within the week", () => {
    fc.assert(
      fc.property(timetable, time, (table, now) => {
        const [daily, weekly] = [lastDaily(table, now), lastWeekly(table, now)];
        expect(now.getTime() - daily.getTime()).toBeGreaterThanOrEqual(0);
        expect(now.getTime() - daily.getTime()).toBeLessThan(DAY);
        expect(daily.toISOString().slice(11, 16)).toBe(table.dailyAt);
        expect(now.getTime() - weekly.getTime()).toBeLessThan(7 * DAY);
        expect(weekly <= daily).toBe(true);
        expect(WEEKDAYS[weekly.getUTCDay()]).toBe(table.fullOn);
      }),
    );
  });

  it("is satisfied by what was made just now, and asks again within a day", () => {
    fc.assert(
      fc.property(timetable, time, (table, now) => {
        const made = { backup: now, full: now, oldest: now, drill: now };
        expect(dueWork(table, made, now)).toEqual([]);
        const tomorrow = new Date(now.getTime() + DAY);
        expect(dueWork(table, made, tomorrow).some((work) => work === "full" || work === "incr")).toBe(true);
      }),
    );
  });

  it("asks for a full backup where there is none, and for a drill only where there is a backup", () => {
    fc.assert(
      fc.property(timetable, time, (table, now) => {
        expect(dueWork(table, {}, now)).toEqual(["full"]);
        const old = new Date(now.getTime() - table.drillDays * DAY);
        expect(dueWork(table, { backup: now, full: now, oldest: old }, now)).toEqual(["drill"]);
      }),
    );
  });
});

it("takes the full backup of the day for the day's, and an incremental one for no full one", () => {
  const table: Timetable = { dailyAt: "02:30", fullOn: "sunday", drillDays: 7 };
  const at = (text: string) => new Date(`2026-11-${text}:00Z`);
  const now = at("29T02:31");
  const last: LastGood = {
    backup: at("28T02:30"),
    full: at("22T02:30"),
    oldest: at("22T02:30"),
    drill: at("28T00:00"),
  };
  expect(dueWork(table, last, now)).toEqual(["full"]);
  expect(dueWork(table, { ...last, backup: at("29T02:30") }, now)).toEqual(["full"]);
  expect(dueWork(table, { ...last, backup: at("29T02:30"), full: at("29T02:30") }, now)).toEqual([]);
});

it("asks for no drill where drills are made elsewhere, and for backups all the same", () => {
  const now = new Date("2026-11-29T03:00:00Z");
  const table = { dailyAt: "02:30", fullOn: "sunday", drillDays: 1 } as const;
  const last = { oldest: new Date("2026-11-01") };
  expect(dueWork(table, last, now)).toEqual(["full", "drill"]);
  expect(dueWork({ ...table, drills: "elsewhere" }, last, now)).toEqual(["full"]);
});
