import { describe, expect, it } from "vitest";
import type { Rate } from "../jobs/rates.ts";
import { UserError } from "../toolchain/command.ts";
import { jobsPerMonth, readJobs, readSeconds, readTimes, wholeLoad, type Given } from "./load.ts";

const speech: Rate = { kind: "speech", queue: "cpu", jobs: 3600, busiest: 600, attempts: 1.5, seconds: 2 };
const NOTHING: Given = { jobs: new Map(), seconds: new Map(), times: 1 };
const queueOf = (name: string) =>
  new Map([
    ["sum", "default"],
    ["gpu", "gpu"],
  ]).get(name);

describe("a load", () => {
  it("is what was measured: the rate on average and at its busiest, and all attempts of a job", () => {
    expect(wholeLoad([speech], 3600, NOTHING, queueOf)).toEqual({
      load: [{ kind: "speech", queue: "cpu", jobsPerSecond: 1, busiestPerSecond: 2, secondsPerJob: 3 }],
      unknown: [],
    });
    expect(wholeLoad([speech], 3600, { ...NOTHING, times: 3 }, queueOf).load[0]?.busiestPerSecond).toBe(6);
  });

  it("has what is given in the place of what was measured, and kinds that have not run yet", () => {
    const given = { ...NOTHING, jobs: readJobs(["speech=10/s", "sum=90000/day"]), seconds: readSeconds(["sum=0.5"]) };
    expect(wholeLoad([speech], 3600, given, queueOf).load).toEqual([
      { kind: "speech", queue: "cpu", jobsPerSecond: 10, busiestPerSecond: 10, secondsPerJob: 3 },
      {
        kind: "sum",
        queue: "default",
        jobsPerSecond: 90_000 / 86_400,
        busiestPerSecond: 90_000 / 86_400,
        secondsPerJob: 0.5,
      },
    ]);
  });

  it("names kinds of which none has ended, unless their seconds are given", () => {
    const open = { ...speech, seconds: null };
    expect(wholeLoad([open], 3600, NOTHING, queueOf)).toEqual({ load: [], unknown: ["speech"] });
    const given = { ...NOTHING, seconds: readSeconds(["speech=4"]) };
    expect(wholeLoad([open], 3600, given, queueOf)).toMatchObject({ load: [{ secondsPerJob: 4 }], unknown: [] });
  });

  it("needs both of what was not measured, and knows every name", () => {
    const whole = (given: Partial<Given>) => () => wholeLoad([], 3600, { ...NOTHING, ...given }, queueOf);
    expect(whole({ jobs: readJobs(["sum=1"]) })).toThrow(/it needs both: --jobs sum=3\/s --seconds sum=2/);
    expect(whole({ jobs: readJobs(["sun=1"]), seconds: readSeconds(["sun=1"]) })).toThrow(/"sun" is no kind/);
  });
});

it("is so many jobs a month, by which a thousand of them have a price", () => {
  expect(jobsPerMonth([speech, { ...speech, kind: "sum", jobs: 400 }], 4000)).toBe(2_628_000);
  expect(jobsPerMonth([], 4000)).toBeUndefined();
});

describe("options", () => {
  it.each([
    ["speech=3", 3],
    ["speech=90/min", 1.5],
    ["speech=2628000/month", 1],
  ])("%s", (text, expected) => {
    expect(readJobs([text]).get("speech")).toBe(expected);
  });

  it.each(["speech", "speech=0", "=3", "speech=3/year", "speech=-1"])("--jobs %s is refused", (text) => {
    expect(() => readJobs([text])).toThrow(UserError);
  });

  it("--seconds and --times take numbers above 0 alone", () => {
    expect(readTimes("2.5")).toBe(2.5);
    for (const refused of [() => readTimes("0"), () => readTimes("two"), () => readSeconds(["speech=2s"])])
      expect(refused).toThrow(UserError);
  });
});
