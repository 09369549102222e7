import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { formatFigure, keepsGoal, report, type Figure } from "./report.ts";

const ratio: Figure = { name: "ours / other", unit: "x", values: [0.7, 0.9, 0.8], goal: { atLeast: 0.8 } };

test("the median decides whether a goal is kept, and both bounds include their value", () => {
  expect(keepsGoal(ratio)).toBe(true);
  expect(keepsGoal({ ...ratio, goal: { atLeast: 0.81 } })).toBe(false);
  expect(keepsGoal({ ...ratio, goal: { atMost: 0.8 } })).toBe(true);
  expect(keepsGoal({ ...ratio, goal: { atMost: 0.79 } })).toBe(false);
  expect(keepsGoal({ name: "free", unit: "ms", values: [1] })).toBeUndefined();
});

test("a figure's line tells median, spread and goal", () => {
  expect(formatFigure(ratio)).toMatch(/^✓ ours \/ other +0\.8 x \(0\.7 to 0\.9\) {2}\[goal: at least 0\.8 x\]$/);
  expect(formatFigure({ name: "rate", unit: "jobs/s", values: [12345.6] })).toMatch(/^ {2}rate +12,346 jobs\/s$/);
});

test("the result file holds every round and the machine", () => {
  const folder = mkdtempSync(join(tmpdir(), "slipway-bench-"));
  const printed = vi.spyOn(process.stdout, "write").mockReturnValue(true);
  try {
    const path = report({ benchmark: "probe", systems: { other: "1.0" }, figures: [ratio] }, folder);
    const written: unknown = JSON.parse(readFileSync(path, "utf8"));
    expect(written).toMatchObject({
      systems: { other: "1.0" },
      machine: { node: process.version },
      figures: [{ name: "ours / other", values: [0.7, 0.9, 0.8], median: 0.8, kept: true }],
    });
    expect(printed.mock.calls.at(-1)?.[0]).toContain("ours / other");
  } finally {
    printed.mockRestore();
    rmSync(folder, { recursive: true, force: true });
  }
});
