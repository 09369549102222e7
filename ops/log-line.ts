import { z } from "zod";
import type { LogLine } from "./sight/sight.ts";

/** Levels in their order. */
export const LEVELS = ["trace", "debug", "info", "warn", "error", "fatal"] as const;
export type Level = (typeof LEVELS)[number];

/** A line that was understood: ours are JSON, those of Postgres, Redis and nginx are not. */
export interface ReadLine extends LogLine {
  readonly level: Level;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

const ourSchema = z.looseObject({
  level: z.enum(LEVELS).default("info"),
  time: z.string().optional(),
  msg: z.string().default(""),
});

/** What has a column of its own, or says what the column says. */
const SHOWN_APART: ReadonlySet<string> = new Set(["level", "time", "msg", "service", "pid"]);

/** What the servers of others call their levels; the first that is found in a line counts. */
const OTHERS: readonly (readonly [pattern: RegExp, level: Level])[] = [
  [/\b(FATAL|PANIC):|\[(emerg|alert)\]/, "fatal"],
  // Postgres writes the statement of an error below it, on lines of its own.
  [/\bERROR:|\[(crit|error)\]|\bOOM\b/, "error"],
  [/\bWARNING:|\[warn\]| # WARNING/, "warn"],
];

export function readLogLine(line: LogLine): ReadLine {
  const { data } = ourSchema.safeParse(json(line.text));
  if (data === undefined) {
    const level = OTHERS.find(([pattern]) => pattern.test(line.text))?.[1] ?? "info";
    return { ...line, level, message: line.text, fields: {} };
  }
  const { level, time, msg } = data;
  const fields = Object.fromEntries(Object.entries(data).filter(([key]) => !SHOWN_APART.has(key)));
  return { ...line, ...(time !== undefined && { time }), level, message: msg, fields };
}

/** What is asked for of all lines. */
export interface LineFilter {
  /** This level and those above it. @default all */
  readonly level?: Level;
  /** Id of a job that a line is about. @default any */
  readonly job?: string;
}

export function isWanted(line: ReadLine, { level = "trace", job }: LineFilter): boolean {
  if (LEVELS.indexOf(line.level) < LEVELS.indexOf(level)) return false;
  return job === undefined || new RegExp(`(^|[^0-9])${job}([^0-9]|$)`).test(line.text);
}

/** A line for people: `12:00:01.123  worker-cpu-1  warn   message key=value`. */
export function formatLogLine({ time, name, level, message, fields }: ReadLine, stack: string): string {
  const place = shortName(name, stack);
  const pairs = Object.entries(fields).map(([key, value]) => `${key}=${shown(value)}`);
  return `${time.slice(11, 23)}  ${place.padEnd(14)}  ${level.padEnd(5)}  ${[message, ...pairs].join(" ")}\n`;
}

/** `slipway-dev-api-1-0a1b2c3` is `api-1` among those of its stack. */
export function shortName(name: string, stack: string): string {
  return name.replace(`slipway-${stack}-`, "").replace(/-[0-9a-f]{7}$/, "");
}

function shown(value: unknown): string {
  return typeof value === "string" && /^[^\s"=]+$/.test(value) ? value : JSON.stringify(value);
}

function json(text: string): unknown {
  try {
    return text.startsWith("{") ? JSON.parse(text) : undefined;
  } catch {
    return undefined;
  }
}
