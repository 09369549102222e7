import fc from "fast-check";
import { expect, it } from "vitest";
import { WEEKDAYS } from "../../configs/backup-settings.ts";
import { nextTime } from "../../jobs/cron.ts";
import { drillCron } from "./drill-cron.ts";

const DAY_MS = 24 * 60 * 60 * 1000;
const times = fc.record({
  dailyAt: fc
    .tuple(fc.nat(23), fc.nat(59))
    .map(([hour, minute]) => `${String(hour).padStart(2, "0")}:${String(minute).padStart(2, "0")}`),
  fullOn: fc.constantFrom(...WEEKDAYS),
  drillDays: fc.integer({ min: 1, max: 90 }),
});
const next = (expression: string, after: Date) => nextTime({ is: "cron", expression, timezone: "Etc/UTC" }, after);

it("lets no more days pass between two drills than the file says, over four years", () => {
  fc.assert(
    fc.property(times, (table) => {
      let last = next(drillCron(table), new Date("2027-01-01T00:00:00Z"));
      for (let count = 0; count < 40; count += 1) {
        const then = next(drillCron(table), last);
        expect(then.getTime() - last.getTime()).toBeLessThanOrEqual(table.drillDays * DAY_MS);
        last = then;
      }
    }),
    { numRuns: 60 },
  );
});

it("drills two hours after the backup, and weekly after the full one", () => {
  const at = (dailyAt: string, drillDays: number) => drillCron({ dailyAt, fullOn: "saturday", drillDays });
  expect([at("02:30", 7), at("23:59", 7), at("02:30", 1), at("02:30", 10), at("02:30", 31), at("02:30", 90)]).toEqual([
    ...["30 4 * * 6", "59 1 * * 0", "30 4 * * *", "30 4 */10 * *", "30 4 1 * *", "30 4 1 */2 *"],
  ]);
});
