import { z } from "zod";

/** Spans of time in which AWS may take a snapshot or restart something, UTC. */

const TIME = "([01]\\d|2[0-3]):[0-5]\\d";
const DAY = "(mon|tue|wed|thu|fri|sat|sun)";
const DAY_MINUTES = 1440;

/** A span of every day, `hh:mm-hh:mm`, `leastMinutes` long at least. */
export function dailyWindow(leastMinutes: number): z.ZodString {
  return z
    .string()
    .regex(new RegExp(`^${TIME}-${TIME}$`), {
      error: "must be a span of every day, UTC, such as 02:00-03:00",
      abort: true,
    })
    .refine((window) => length(spanOf(window)) >= leastMinutes, {
      error: `must be a span of at least ${leastMinutes} minutes`,
    });
}

/** A span of one day of the week, `ddd:hh:mm-ddd:hh:mm`, `leastMinutes` long at least. */
export function weeklyWindow(leastMinutes: number): z.ZodString {
  return z
    .string()
    .regex(new RegExp(`^${DAY}:${TIME}-${DAY}:${TIME}$`), {
      error: "must be a span of the week, UTC, such as sun:04:00-sun:05:00",
      abort: true,
    })
    .refine((window) => length(spanOf(window)) >= leastMinutes, {
      error: `must be a span of at least ${leastMinutes} minutes, and less than a day`,
    });
}

/** Whether a span of every day and one of the week share a minute; each may go past midnight. */
export function meet(daily: string, weekly: string): boolean {
  const [one, other] = [spanOf(daily), spanOf(weekly)];
  return isWithin(one.from, other) || isWithin(other.from, one);
}

/** The span of every day that begins at `hh:mm`. */
export function daily(at: string, minutes: number): string {
  const end = (minuteOf(at) + minutes) % DAY_MINUTES;
  const two = (number: number) => String(number).padStart(2, "0");
  return `${at}-${two(Math.floor(end / 60))}:${two(end % 60)}`;
}

/** Minutes of the day. */
interface Span {
  readonly from: number;
  readonly to: number;
}

function spanOf(window: string): Span {
  const [from = 0, to = 0] = window.split("-").map((end) => minuteOf(end.slice(-"hh:mm".length)));
  return { from, to };
}

function minuteOf(time: string): number {
  const [hours = 0, minutes = 0] = time.split(":").map(Number);
  return hours * 60 + minutes;
}

function length({ from, to }: Span): number {
  return (to - from + DAY_MINUTES) % DAY_MINUTES;
}

function isWithin(minute: number, span: Span): boolean {
  return (minute - span.from + DAY_MINUTES) % DAY_MINUTES < length(span);
}
