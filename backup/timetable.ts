import { WEEKDAYS, type Weekday } from "../configs/backup-settings.ts";

/** What the agent does by itself. */
export const WORKS = ["full", "incr", "drill"] as const;
export type Work = (typeof WORKS)[number];

/** When, in UTC. */
export interface Timetable {
  /** Time of day of every backup, such as 02:30. */
  readonly dailyAt: string;
  /** Day whose backup is a full one. */
  readonly fullOn: Weekday;
  /** Days between two drills. */
  readonly drillDays: number;
  /** Who makes them; elsewhere they are looked after all the same. @default the agent */
  readonly drills?: "own" | "elsewhere";
}

/** Beginnings of the newest that went well; none where there was none. */
export interface LastGood {
  readonly backup?: Date | undefined;
  readonly full?: Date | undefined;
  /** The oldest backup that there is: a drill needs one, and is asked for from then on. */
  readonly oldest?: Date | undefined;
  /** End of the newest drill. */
  readonly drill?: Date | undefined;
}

const DAY_MS = 24 * 60 * 60 * 1000;

/**
 * What is due, the most important first. Backups that were missed, as while the agent was stopped, are due at once, however many they
 * were; a full one counts as the day's.
 */
export function dueWork(timetable: Timetable, last: LastGood, now: Date): Work[] {
  const due: Work[] = [];
  const [daily, weekly] = [lastDaily(timetable, now), lastWeekly(timetable, now)];
  if (isBefore(last.full, weekly)) due.push("full");
  else if (isBefore(last.backup, daily)) due.push("incr");
  const drillAt = nextDrill(timetable, last);
  if (drillAt && drillAt <= now && timetable.drills !== "elsewhere") due.push("drill");
  return due;
}

/** When the next drill is due; none while there is no backup. */
export function nextDrill(timetable: Timetable, last: LastGood): Date | undefined {
  const since = last.oldest && (last.drill ?? last.oldest);
  return since && new Date(since.getTime() + timetable.drillDays * DAY_MS);
}

/** The daily time that was last. */
export function lastDaily({ dailyAt }: Timetable, now: Date): Date {
  const [hour = 0, minute = 0] = dailyAt.split(":").map(Number);
  const today = new Date(now);
  today.setUTCHours(hour, minute, 0, 0);
  return today <= now ? today : new Date(today.getTime() - DAY_MS);
}

/** The time of a full backup that was last. */
export function lastWeekly(timetable: Timetable, now: Date): Date {
  const daily = lastDaily(timetable, now);
  const back = (daily.getUTCDay() - WEEKDAYS.indexOf(timetable.fullOn) + 7) % 7;
  return new Date(daily.getTime() - back * DAY_MS);
}

function isBefore(time: Date | undefined, slot: Date): boolean {
  return time === undefined || time < slot;
}
