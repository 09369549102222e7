import { describe, expect, it } from "vitest";
import { secondsOf } from "./duration.ts";
import { formatLogLine, isWanted, readLogLine } from "./log-line.ts";
import { bytesOf, coresOf } from "./sight/quantity.ts";
import { timedLine } from "./sight/sight.ts";

const line = (text: string, name = "slipway-dev-worker-cpu-1-57ca336") => ({
  ...{ time: "2026-11-29T12:00:01.123456789Z", service: "worker-cpu", name, text },
});

describe("a line of ours", () => {
  const text =
    '{"level":"warn","time":"2026-11-29T12:00:01.120Z","service":"worker","pid":7,"jobId":"42","reason":"too late","msg":"attempt 1 failed"}';

  it("is shown with its place, its level and what it tells besides", () => {
    expect(formatLogLine(readLogLine(line(text)), "dev")).toBe(
      '12:00:01.120  worker-cpu-1    warn   attempt 1 failed jobId=42 reason="too late"\n',
    );
  });

  it("is found by its job, and by no job whose id is longer", () => {
    const read = readLogLine(line(text));
    expect(["42", "4", "421"].map((job) => isWanted(read, { job }))).toEqual([true, false, false]);
  });

  it("is left out below the level that is asked for", () => {
    const read = readLogLine(line(text));
    expect((["info", "warn", "error"] as const).map((level) => isWanted(read, { level }))).toEqual([true, true, false]);
  });
});

describe("a line of others", () => {
  it.each([
    ["2026-11-29 12:00:01 UTC [12] ERROR:  relation does not exist", "error"],
    ["2026-11-29 12:00:01 UTC [12] FATAL:  the database system is shutting down", "fatal"],
    ["2026/11/29 12:00:01 [error] 7#7: *1 connect() failed", "error"],
    ["1:M 29 Nov 2026 12:00:01.000 # WARNING Memory overcommit must be enabled!", "warn"],
    ["2026-11-29 12:00:01 UTC [12] LOG:  checkpoint complete", "info"],
    ['{"time":"2026-11-29T12:00:01Z","service":"edge","path":"/","status":200}', "info"],
    ["{not json", "info"],
  ])("%s is at %s", (text, level) => {
    expect(readLogLine(line(text)).level).toBe(level);
  });
});

it("takes apart what platforms put before a line", () => {
  expect(timedLine("2026-11-29T12:00:01.5Z a b")).toEqual({ time: "2026-11-29T12:00:01.5Z", text: "a b" });
  expect(timedLine("no time")).toBeUndefined();
});

it("reads spans, and refuses what is none", () => {
  expect(["30s", "10m", "2h", "1d"].map((text) => secondsOf("--since", text))).toEqual([30, 600, 7200, 86_400]);
  for (const text of ["", "10", "0m", "-1m", "1w", "m"])
    expect(() => secondsOf("--since", text)).toThrow(`--since is ${JSON.stringify(text)}, must be a number above 0`);
});

it("reads quantities of Kubernetes", () => {
  expect(["250m", "1", "1500000n"].map(coresOf)).toEqual([0.25, 1, 0.0015]);
  expect(["512Mi", "1Gi", "2048Ki", "100"].map(bytesOf)).toEqual([536_870_912, 1_073_741_824, 2_097_152, 100]);
});
