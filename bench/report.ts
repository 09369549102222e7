import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus, totalmem } from "node:os";
import { join } from "node:path";
import { ROOT } from "../toolchain/folders.ts";
import { spreadOf } from "./stats.ts";

/** One measured thing. */
export interface Figure {
  /** What was measured, and where it is a ratio: of what to what. */
  readonly name: string;
  readonly unit: "x" | "ms" | "s" | "jobs/s" | "requests/s" | "per second" | "jobs" | "MiB" | "MB/s";
  /** One value a round. The median counts. */
  readonly values: readonly number[];
  /** Bound that `shared/numbers.md` of the project sets; only figures with a goal can miss. */
  readonly goal?: Goal;
  readonly note?: string;
}

export type Goal = { readonly atMost: number } | { readonly atLeast: number };

/** What a benchmark run came to. */
export interface Results {
  /** Name of the benchmark, and of its result file. */
  readonly benchmark: string;
  /** Versions and settings of everything that took part. */
  readonly systems: Readonly<Record<string, string>>;
  readonly figures: readonly Figure[];
}

/** Whether a figure keeps its goal; `undefined` where it has none. */
export function keepsGoal({ values, goal }: Figure): boolean | undefined {
  if (!goal) return undefined;
  const { median } = spreadOf(values);
  return "atMost" in goal ? median <= goal.atMost : median >= goal.atLeast;
}

/** One line a figure: mark, name, median, spread, goal. */
export function formatFigure(figure: Figure): string {
  const kept = keepsGoal(figure);
  const mark = kept === undefined ? " " : kept ? "✓" : "✗";
  const { median, least, most } = spreadOf(figure.values);
  const spread = figure.values.length > 1 ? ` (${formatNumber(least)} to ${formatNumber(most)})` : "";
  const middle = `${formatNumber(median)} ${figure.unit}${spread}`;
  const note = figure.note === undefined ? "" : `  ${figure.note}`;
  return `${mark} ${figure.name.padEnd(66)} ${middle}${formatGoal(figure)}${note}`;
}

function formatGoal({ goal, unit }: Figure): string {
  if (!goal) return "";
  const bound = "atMost" in goal ? `at most ${formatNumber(goal.atMost)}` : `at least ${formatNumber(goal.atLeast)}`;
  return `  [goal: ${bound} ${unit}]`;
}

/** Three digits that count; whole numbers from 100 on. */
function formatNumber(value: number): string {
  return Math.abs(value) >= 100 ? Math.round(value).toLocaleString("en") : Number(value.toPrecision(3)).toString();
}

/** Processors, memory, system, and the commit that was measured. */
export function describeMachine(): Record<string, string> {
  return {
    processor: `${availableParallelism()} x ${cpus()[0]?.model ?? "unknown"}`,
    memory: `${Math.round(totalmem() / 2 ** 30)} GiB`,
    node: process.version,
    commit: git(["describe", "--always", "--dirty", "--abbrev=12"]),
    date: new Date().toISOString(),
  };
}

function git(args: readonly string[]): string {
  try {
    return execFileSync("git", args, { cwd: ROOT, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
  } catch {
    return "unknown";
  }
}

/** Writes `bench/results/<benchmark>.json`, then prints systems and figures; gives the file's path. */
export function report(results: Results, folder = join(ROOT, "bench", "results")): string {
  const machine = describeMachine();
  mkdirSync(folder, { recursive: true });
  const path = join(folder, `${results.benchmark}.json`);
  const figures = results.figures.map((figure) => ({ ...figure, ...spreadOf(figure.values), kept: keepsGoal(figure) }));
  writeFileSync(path, `${JSON.stringify({ ...results, machine, figures }, undefined, 2)}\n`);
  const facts = Object.entries({ ...machine, ...results.systems });
  process.stdout.write(`\n${facts.map(([name, value]) => `  ${name.padEnd(18)} ${value}\n`).join("")}`);
  process.stdout.write(`\n${results.figures.map((figure) => `${formatFigure(figure)}\n`).join("")}`);
  return path;
}
