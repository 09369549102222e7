import { expect, test } from "vitest";
import { JobFigures, readAttempt, worseJobs } from "./canary-jobs.ts";

/** To test what is read of a worker: its own log is judged by test/e2e/canary-deploy.test.ts. */
const line = (more: object) =>
  JSON.stringify({ level: "info", service: "worker", jobId: "1", kind: "sum", attempt: 1, milliseconds: 2, ...more });

test.each([
  [line({ msg: "job succeeded" }), "succeeded"],
  [line({ msg: "attempt 2 failed", code: "handler-failed" }), "failed"],
  [line({ msg: "attempt 3 failed; job is dead", code: "timeout" }), "failed"],
  [line({ msg: "attempt 1 was lost with its place", code: "runner-died" }), "failed"],
  // Of a kind that only the other release has.
  [line({ msg: "attempt 1 failed", code: "unknown-kind" }), undefined],
  [line({ msg: "job handed back" }), undefined],
  [line({ msg: "job cancelled" }), undefined],
  ['{"msg":"job succeeded"}', undefined],
  ["not JSON", undefined],
])("%s", (text, outcome) => {
  expect(readAttempt(text)).toBe(outcome);
});

function figures(attempts: number, failed: number): JobFigures {
  const made = new JobFigures();
  for (let n = 0; n < attempts; n++) made.add(n < failed ? "failed" : "succeeded");
  return made;
}

test.each<[string, JobFigures, JobFigures]>([
  ["as many fail of both", figures(50, 25), figures(50, 25)],
  ["two fail, which may be an accident", figures(40, 2), figures(400, 0)],
  ["the one before has ended none", figures(40, 40), figures(0, 0)],
  ["the new one has ended none", figures(0, 0), figures(40, 0)],
  ["fewer fail", figures(100, 5), figures(100, 50)],
  ["three of three fail where three were done", figures(3, 3), figures(3, 0)],
])("nothing is said against a new release where %s", (_, release, before) => {
  expect(worseJobs(release, before)).toBeUndefined();
});

test("jobs that fail more often are", () => {
  expect(worseJobs(figures(30, 12), figures(60, 1))).toBe(
    "12 of 30 attempts of jobs by the new release failed (40.0 %), 1 of 60 by the one before (1.7 %)",
  );
  expect(worseJobs(figures(3, 3), figures(40, 0))).toContain("3 of 3 attempts");
});

test("figures are said", () => {
  expect(String(figures(120, 3))).toBe("120 attempts of jobs, 3 failed (2.5 %)");
});
