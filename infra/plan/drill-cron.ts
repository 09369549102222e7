import { WEEKDAYS, type Weekday } from "../../configs/backup-settings.ts";

/** When a stack makes backups and tries them, in UTC. */
export interface DrillTimes {
  /** Time of day of backups, such as 02:30. */
  readonly dailyAt: string;
  readonly fullOn: Weekday;
  /** Most days between two drills. */
  readonly drillDays: number;
}

/** Hours after the backup of the day. */
const HOURS_LATER = 2;

/**
 * When drills run, as cron has it. Cron counts days from the first of a month, or by weekdays: there are never more days between two drills
 * than the stack's file says, and at the turn of a month there may be fewer.
 */
export function drillCron({ dailyAt, fullOn, drillDays }: DrillTimes): string {
  const [backupHour = 0, minute = 0] = dailyAt.split(":").map(Number);
  const hour = (backupHour + HOURS_LATER) % 24;
  const time = `${minute} ${hour}`;
  if (drillDays === 1) return `${time} * * *`;
  // The weekly one tries the full backup of the day.
  if (drillDays === 7) return `${time} * * ${(WEEKDAYS.indexOf(fullOn) + (hour < backupHour ? 1 : 0)) % 7}`;
  if (drillDays < 31) return `${time} */${drillDays} * *`;
  const months = Math.floor(drillDays / 31);
  return months === 1 ? `${time} 1 * *` : `${time} 1 */${months} *`;
}
