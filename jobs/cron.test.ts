import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { MAX_EVERY_SECONDS, nextTime, timingFault, type Timing } from "./cron.ts";

function cron(expression: string, timezone = "UTC"): Timing {
  return { is: "cron", expression, timezone };
}

function times(timing: Timing, from: string, count: number): string[] {
  const found: string[] = [];
  for (let last = new Date(from); found.length < count; found.push(last.toISOString().slice(0, 16)))
    last = nextTime(timing, last);
  return found;
}

describe("cron", () => {
  it.each([
    ["a time of day in a gap comes when it ends", "30 2 * * *", "Europe/Berlin", "2026-03-28T12:00Z"],
    ["also where clocks skip midnight", "0 0 * * *", "Africa/Cairo", "2026-04-23T12:00Z"],
    ["and where the gap is half an hour", "15 2 * * *", "Australia/Lord_Howe", "2026-10-03T12:00Z"],
    ["a time of day that comes twice is taken once", "30 2 * * *", "Europe/Berlin", "2026-10-24T12:00Z"],
    ["also one of a list", "15 1,2 * * *", "Europe/Berlin", "2026-10-24T22:00Z"],
    ["what recurs goes on through both hours", "0 * * * *", "Europe/Berlin", "2026-10-24T23:30Z"],
    ["and through a gap", "*/30 * * * *", "Europe/Berlin", "2026-03-29T00:15Z"],
  ])("%s", (_, expression, timezone, from) => {
    const expected: Record<string, string[]> = {
      "2026-03-28T12:00Z": ["2026-03-29T01:00", "2026-03-30T00:30"],
      "2026-04-23T12:00Z": ["2026-04-23T22:00", "2026-04-24T21:00"],
      "2026-10-03T12:00Z": ["2026-10-03T15:30", "2026-10-04T15:15"],
      "2026-10-24T12:00Z": ["2026-10-25T00:30", "2026-10-26T01:30"],
      "2026-10-24T22:00Z": ["2026-10-24T23:15", "2026-10-25T00:15", "2026-10-26T00:15", "2026-10-26T01:15"],
      "2026-10-24T23:30Z": ["2026-10-25T00:00", "2026-10-25T01:00", "2026-10-25T02:00"],
      "2026-03-29T00:15Z": ["2026-03-29T00:30", "2026-03-29T01:00", "2026-03-29T01:30"],
    };
    const wanted = expected[from] ?? [];
    expect(times(cron(expression, timezone), from, wanted.length)).toEqual(wanted);
  });

  it("knows seconds, names, the last day and the nth weekday", () => {
    expect(times(cron("*/20 * * * * *"), "2026-11-23T10:00:10Z", 2)).toEqual(["2026-11-23T10:00", "2026-11-23T10:00"]);
    expect(nextTime(cron("*/20 * * * * *"), new Date("2026-11-23T10:00:10Z")).getSeconds()).toBe(20);
    expect(times(cron("0 6 * JAN MON"), "2026-11-23T10:00Z", 1)).toEqual(["2027-01-04T06:00"]);
    expect(times(cron("0 0 L * *"), "2026-11-23T10:00Z", 2)).toEqual(["2026-11-30T00:00", "2026-12-31T00:00"]);
    expect(times(cron("0 0 * * MON#2"), "2026-11-23T10:00Z", 1)).toEqual(["2026-12-14T00:00"]);
    expect(times(cron("0 0 29 2 *"), "2026-11-23T10:00Z", 1)).toEqual(["2028-02-29T00:00"]);
  });

  it("gives the same next moment to whoever asks at any time before it, in every zone", () => {
    const zones = ["UTC", "Europe/Berlin", "Africa/Cairo", "Australia/Lord_Howe", "America/St_Johns", "Asia/Kathmandu"];
    const expressions = ["30 2 * * *", "0 0 * * *", "*/7 * * * *", "0 */5 * * *", "15 1,2,23 * * *", "0 3 L * *"];
    const year = { min: Date.UTC(2026, 0, 1), max: Date.UTC(2027, 0, 1) };
    fc.assert(
      fc.property(
        fc.constantFrom(...zones),
        fc.constantFrom(...expressions),
        fc.integer(year),
        fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
        (zone, expression, from, share) => {
          const timing = cron(expression, zone);
          const next = nextTime(timing, new Date(from)).getTime();
          expect(next).toBeGreaterThan(from);
          const between = from + Math.floor((next - from) * share);
          expect(nextTime(timing, new Date(between)).getTime()).toBe(next);
        },
      ),
      { numRuns: 300 },
    );
  });
});

describe("faults", () => {
  it.each(["* * * * *", "0 0 * * 7", "0 30 2 1 JAN SUN", "0 0 1 * +MON", "0 0 LW * *"])("%j is fine", (expression) => {
    expect(timingFault(cron(expression))).toBeUndefined();
  });

  it.each([
    ...["", "@daily", "* * * *", "* * * * * * *", "61 * * * *", "0 0 31 2 *", "a b c d e", "0  0 * * *", "? * * * *"],
    ...["*/0 * * * *", "5-1 * * * *", "H * * * *", `${"1,".repeat(200)}1 * * * *`],
  ])("%j is refused", (expression) => {
    expect(timingFault(cron(expression))).toMatch(/^cron is ".*allowed: five fields/);
  });

  it.each(["", "Mars/Olympus", "+01:00", "Europe/Berlin; DROP TABLE jobs"])("the zone %j is refused", (timezone) => {
    expect(timingFault(cron("* * * * *", timezone))).toContain("allowed: an IANA name");
  });

  it("an interval is 1 second to a year", () => {
    for (const everySeconds of [1, 60, MAX_EVERY_SECONDS])
      expect(timingFault({ is: "interval", everySeconds })).toBeUndefined();
    for (const everySeconds of [0, -1, 1.5, Number.NaN, MAX_EVERY_SECONDS + 1])
      expect(timingFault({ is: "interval", everySeconds })).toContain("allowed: a whole number, 1 to");
  });
});
