import { expect, it } from "vitest";
import { warningsOf, type Situation } from "./conditions.ts";

const TIMETABLE = { dailyAt: "02:30", fullOn: "sunday", drillDays: 7 } as const;

it("says that a drill failed once, whoever made it", () => {
  const said = (more: Partial<Situation>) =>
    warningsOf(
      { backups: [], isEscrowed: true, verifyFaults: [], failed: new Map(), ...more },
      TIMETABLE,
      new Date("2026-11-29T03:00:00Z"),
    ).filter(({ dependency }) => dependency === "drill failed");
  expect(said({})).toEqual([]);
  const elsewhere = { drillFault: "no room" };
  expect(said(elsewhere)).toEqual([{ dependency: "drill failed", reason: "no room" }]);
  expect(said({ ...elsewhere, failed: new Map([["drill", "no room here"]]) })).toEqual([
    { dependency: "drill failed", reason: "no room here" },
  ]);
});
