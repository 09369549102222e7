import type { Input } from "@pulumi/pulumi";
import { WEEKDAYS } from "../../configs/backup-settings.ts";
import type { AwsBackupSettings } from "../../configs/aws-backup-settings.ts";
import { DRILL_TAG } from "../../configs/drill-settings.ts";
import type { DrilledDatabase } from "../contract.ts";
import { drillCron } from "../plan/drill-cron.ts";
import { ownName } from "./own-name.ts";
import { tagged, type AwsPlace } from "./place.ts";

/** Six hours: a drill that takes longer has failed, whatever it would say. */
const DEADLINE_SECONDS = 6 * 60 * 60;

/** Its log can be read for a day; what came of it stands in Postgres. */
const GONE_AFTER_SECONDS = 24 * 60 * 60;

/** What drills make of the database: one instance, whose name is its own for good, so that what one that was killed has left is found by the next. */
export function drilledDatabase(source: Input<string>, place: AwsPlace): DrilledDatabase {
  return { source, temporary: ownName("drill", place), tags: { ...tagged(place, "drill"), [DRILL_TAG]: place.stack } };
}

/** When drills run: two hours after a backup of the day began. */
export function drillSchedule({ at, weeklyOn, drillDays }: AwsBackupSettings) {
  const fullOn = WEEKDAYS.find((day) => day.startsWith(weeklyOn)) ?? "sunday";
  return {
    cron: drillCron({ dailyAt: at, fullOn, drillDays }),
    deadlineSeconds: DEADLINE_SECONDS,
    goneAfterSeconds: GONE_AFTER_SECONDS,
    // Any time of the day will do.
    lateSeconds: DEADLINE_SECONDS,
  };
}
