import { nextTime, timingFault, type Timing } from "./cron.ts";
import { run, type Queryable } from "./database.ts";
import { SCHEDULE_NAME, timingOf } from "./kind.ts";
import type { Kinds } from "./registry.ts";

/** Tenant of the schedules that kinds bring along, and of their jobs. */
export const SYSTEM_TENANT = "system";

/** Who a schedule belongs to: the file of a kind, or the tenant that made it. */
export type ScheduleSource = "code" | "api";

/** A schedule to be made or changed. */
export interface NewSchedule {
  readonly tenant: string;
  /** Unique within the tenant: `^[a-z0-9][a-z0-9-]{0,62}$`. */
  readonly name: string;
  readonly kind: string;
  readonly queue: string;
  /** Checked by the kind's schema before. */
  readonly params: unknown;
  /** As of jobs. @default 0 */
  readonly priority?: number;
  readonly timing: Timing;
}

/** A schedule as it is read. */
export interface Schedule extends Required<NewSchedule> {
  readonly nextAt: Date;
  /** When it made a job last. */
  readonly lastAt: Date | undefined;
  readonly lastJobId: string | undefined;
  readonly paused: boolean;
  readonly source: ScheduleSource;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

export type PutOutcome =
  | { readonly is: "made" | "changed"; readonly schedule: Schedule }
  /** A kind's file or a tenant has one of that name, and it is not the one who asks. */
  | { readonly is: "taken" };

const COLUMNS = `tenant, name, kind, queue, params, priority, cron, timezone, every_seconds, next_at, last_at, last_job_id, paused,
                 source, created_at, updated_at`;
const NOW = { name: "schedule-now", text: `SELECT now()` };
const PUT = {
  name: "schedule-put",
  // The same timing keeps its next time: what is put again and again must come all the same.
  text: `INSERT INTO schedules AS s (tenant, name, kind, queue, params, priority, cron, timezone, every_seconds, next_at, source)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
         ON CONFLICT (tenant, name) DO UPDATE SET
           kind = excluded.kind, queue = excluded.queue, params = excluded.params, priority = excluded.priority,
           cron = excluded.cron, timezone = excluded.timezone, every_seconds = excluded.every_seconds, updated_at = now(),
           next_at = CASE WHEN (s.cron, s.timezone, s.every_seconds)
                               IS NOT DISTINCT FROM (excluded.cron, excluded.timezone, excluded.every_seconds)
                          THEN s.next_at ELSE excluded.next_at END
           WHERE s.source = excluded.source
         RETURNING ${COLUMNS}, xmax = 0 AS made`,
};
const READ = { name: "schedule-read", text: `SELECT ${COLUMNS} FROM schedules WHERE tenant = $1 AND name = $2` };
const LIST = {
  name: "schedule-list",
  text: `SELECT ${COLUMNS} FROM schedules WHERE tenant = $1 AND name > $2 ORDER BY name LIMIT $3`,
};
const DELETE = {
  name: "schedule-delete",
  text: `DELETE FROM schedules WHERE tenant = $1 AND name = $2 AND source = 'api' RETURNING name`,
};
const PAUSE = {
  name: "schedule-pause",
  text: `UPDATE schedules SET paused = true, updated_at = now() WHERE tenant = $1 AND name = $2 RETURNING ${COLUMNS}`,
};
const RESUME = {
  name: "schedule-resume",
  text: `UPDATE schedules SET paused = false, next_at = $3, updated_at = now()
         WHERE tenant = $1 AND name = $2 AND paused AND updated_at = $4::timestamptz RETURNING ${COLUMNS}`,
};
const VERSION = {
  name: "schedule-version",
  text: `SELECT ${COLUMNS}, updated_at::text AS version FROM schedules WHERE tenant = $1 AND name = $2`,
};
const REMOVE_OTHERS = {
  name: "schedule-remove-others",
  text: `DELETE FROM schedules WHERE tenant = $1 AND source = 'code' AND name <> ALL ($2::text[]) RETURNING name`,
};

/**
 * Makes a schedule, or changes the one of that name. Its first time is after now; one whose timing did not change keeps its next
 * time, and one that is paused stays so.
 *
 * @throws Error when name or timing are not as documented; nothing is changed then
 */
export async function putSchedule(
  db: Queryable,
  schedule: NewSchedule,
  source: ScheduleSource = "api",
): Promise<PutOutcome> {
  const { tenant, name, kind, queue, params, priority = 0, timing } = schedule;
  if (!SCHEDULE_NAME.test(name)) {
    throw new Error(`schedule name is ${JSON.stringify(name)}, allowed: a-z, 0-9 and -, 1 to 63 of them`);
  }
  const fault = timingFault(timing);
  if (fault !== undefined) throw new Error(`schedule ${name}: ${fault}`);
  const nextAt = nextTime(timing, await databaseNow(db));
  const values = [tenant, name, kind, queue, JSON.stringify(params), priority, ...columnsOf(timing), nextAt, source];
  const [row] = await run<ScheduleRow & { made: boolean }>(db, PUT, values);
  return row ? { is: row.made ? "made" : "changed", schedule: toSchedule(row) } : { is: "taken" };
}

/** Reads a schedule of a tenant, or gives `undefined` where that tenant has none of that name. */
export async function readSchedule(db: Queryable, tenant: string, name: string): Promise<Schedule | undefined> {
  const [row] = await run<ScheduleRow>(db, READ, [tenant, name]);
  return row && toSchedule(row);
}

/** Schedules of a tenant in the order of their names, those after `after`. @param limit 1 or more */
export async function listSchedules(db: Queryable, tenant: string, limit: number, after = ""): Promise<Schedule[]> {
  return (await run<ScheduleRow>(db, LIST, [tenant, after, limit])).map(toSchedule);
}

/** Removes a schedule; jobs that it made stay. Gives false where there is none, or a kind's file brings it along. */
export async function deleteSchedule(db: Queryable, tenant: string, name: string): Promise<boolean> {
  return (await run(db, DELETE, [tenant, name])).length > 0;
}

/** Keeps a schedule from making jobs; gives `undefined` where there is none. */
export async function pauseSchedule(db: Queryable, tenant: string, name: string): Promise<Schedule | undefined> {
  const [row] = await run<ScheduleRow>(db, PAUSE, [tenant, name]);
  return row && toSchedule(row);
}

/** Lets a schedule go on with its next time after now: what it missed is not made up for. `undefined` where there is none. */
export async function resumeSchedule(db: Queryable, tenant: string, name: string): Promise<Schedule | undefined> {
  for (;;) {
    const [seen] = await run<ScheduleRow & { version: string }>(db, VERSION, [tenant, name]);
    if (!seen?.paused) return seen && toSchedule(seen);
    const nextAt = nextTime(toSchedule(seen).timing, await databaseNow(db));
    const [row] = await run<ScheduleRow>(db, RESUME, [tenant, name, nextAt, seen.version]);
    if (row) return toSchedule(row);
  }
}

/**
 * Brings the schedules that kinds' files name into the database and removes those that no file names any more.
 *
 * The leader does it when it becomes one, and nobody else. While two releases run side by side they do not take turns at
 * overwriting each other: the lease is with one of them, and when the old release ends it passes to the new one, which then
 * has the last word. Going back to the old release ends the same way.
 *
 * @returns names of schedules that could not be put, as a tenant `system` made them by itself
 */
export async function syncSchedules(db: Queryable, kinds: Kinds): Promise<string[]> {
  const names: string[] = [];
  const taken: string[] = [];
  for (const kind of kinds.values()) {
    for (const schedule of kind.schedules ?? []) {
      const { name, params } = schedule;
      const what = { tenant: SYSTEM_TENANT, name, kind: kind.name, queue: kind.queue, params };
      const outcome = await putSchedule(db, { ...what, timing: timingOf(schedule) }, "code");
      (outcome.is === "taken" ? taken : names).push(name);
    }
  }
  await run(db, REMOVE_OTHERS, [SYSTEM_TENANT, names]);
  return taken;
}

/** Moments are by the database's clock alone: those of processes may differ. */
async function databaseNow(db: Queryable): Promise<Date> {
  const [row] = await run<{ now: Date }>(db, NOW);
  if (!row) throw new Error("the database does not tell the time");
  return row.now;
}

/** Columns cron, timezone and every_seconds of a timing. */
function columnsOf(timing: Timing): [string | null, string, number | null] {
  return timing.is === "cron" ? [timing.expression, timing.timezone, null] : [null, "UTC", timing.everySeconds];
}

/** How a row says when it is due. */
export interface TimingRow {
  cron: string | null;
  timezone: string;
  every_seconds: number | null;
}

export function timingOfRow({ cron, timezone, every_seconds: everySeconds }: TimingRow): Timing {
  return timingOf({ cron: cron ?? undefined, timezone, everySeconds: everySeconds ?? undefined });
}

interface ScheduleRow extends TimingRow {
  tenant: string;
  name: string;
  kind: string;
  queue: string;
  params: unknown;
  priority: number;
  next_at: Date;
  last_at: Date | null;
  last_job_id: string | null;
  paused: boolean;
  source: ScheduleSource;
  created_at: Date;
  updated_at: Date;
}

function toSchedule(row: ScheduleRow): Schedule {
  const { tenant, name, kind, queue, params, priority, paused, source } = row;
  return {
    ...{ tenant, name, kind, queue, params, priority, paused, source },
    timing: timingOfRow(row),
    nextAt: row.next_at,
    lastAt: row.last_at ?? undefined,
    lastJobId: row.last_job_id ?? undefined,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  };
}
