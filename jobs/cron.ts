import { Cron } from "croner";

/** When a schedule is due: by a cron expression in a time zone, or every so many seconds. */
export type Timing =
  | { readonly is: "cron"; readonly expression: string; readonly timezone: string }
  | { readonly is: "interval"; readonly everySeconds: number };

/** Longest interval, in seconds: a year. */
export const MAX_EVERY_SECONDS = 366 * 24 * 60 * 60;

const CRON_ALLOWED = "five fields, or six with seconds first, such as 30 2 * * MON";

/** `?` stands for the moment at which it is read, so another one in every process; a comma list of 200 characters is long. */
const EXPRESSION = /^[\dA-Za-z*,/#+-]+(?: [\dA-Za-z*,/#+-]+){4,5}$/;
const MAX_EXPRESSION = 200;

/**
 * Says what is wrong with a timing; `undefined` for one that is fine.
 *
 * Cron has five fields (minute hour day month weekday) or six with seconds first, with `*`, lists, ranges, steps, names of months
 * and weekdays, `L`, `W` and `#`. Where day and weekday are both given either will do, and both are asked for by `+` before the weekday.
 */
export function timingFault(timing: Timing): string | undefined {
  if (timing.is === "interval") {
    const { everySeconds } = timing;
    if (Number.isInteger(everySeconds) && everySeconds >= 1 && everySeconds <= MAX_EVERY_SECONDS) return undefined;
    return `everySeconds is ${everySeconds}, allowed: a whole number, 1 to ${MAX_EVERY_SECONDS}`;
  }
  const { expression, timezone } = timing;
  if (!isTimezone(timezone)) {
    return `timezone is ${JSON.stringify(timezone)}, allowed: an IANA name such as UTC or Europe/Berlin`;
  }
  if (expression.length > MAX_EXPRESSION || !EXPRESSION.test(expression)) {
    return `cron is ${JSON.stringify(expression)}, allowed: ${CRON_ALLOWED}`;
  }
  try {
    nextTime(timing, new Date());
    return undefined;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return `cron is ${JSON.stringify(expression)} (${reason}), allowed: ${CRON_ALLOWED}`;
  }
}

/**
 * The next moment after another one.
 *
 * Where clocks go forward, a time of day that is left out comes when the gap ends. Where they go back, a time of day that comes
 * twice is taken once; what recurs (`*`, steps) goes on through both.
 *
 * @throws Error for an expression that never comes true
 */
export function nextTime(timing: Timing, after: Date): Date {
  if (timing.is === "interval") return new Date(after.getTime() + timing.everySeconds * 1000);
  const { expression, timezone } = timing;
  const options = { timezone, paused: true, mode: "5-or-6-parts", fixedTimeRule: "no-wildcard" } as const;
  const next = new Cron(expression, options).nextRun(after);
  if (!next) throw new Error("it never comes true");
  return next;
}

function isTimezone(name: string): boolean {
  // Offsets such as +01:00 would do for Intl, and know no daylight saving: a zone's name is meant.
  if (!/^[A-Za-z]/.test(name)) return false;
  try {
    new Intl.DateTimeFormat("en", { timeZone: name });
    return true;
  } catch {
    return false;
  }
}
