import { nextTime, type Timing } from "./cron.ts";
import { run, runAlone, type Queryable } from "./database.ts";
import type { Logger } from "./log.ts";
import { pauseSchedule, timingOfRow, type TimingRow } from "./schedules.ts";

/** Schedules in one statement. */
const BATCH = 100;

const SOON = {
  name: "schedules-soon",
  text: `SELECT tenant, name, cron, timezone, every_seconds, next_at::text AS seen, updated_at::text AS version,
                extract(epoch FROM next_at) * 1000 AS next_ms, extract(epoch FROM now()) * 1000 AS now_ms
         FROM schedules WHERE NOT paused AND next_at <= now() + $1 * interval '1 ms' ORDER BY next_at LIMIT ${BATCH}`,
};
const FIRE = {
  name: "schedules-fire",
  // One that was fired, changed or paused since it was seen is left alone: of many that try at once one gets it.
  text: `WITH asked AS (
           SELECT * FROM unnest($1::text[], $2::text[], $3::timestamptz[], $4::timestamptz[], $5::timestamptz[], $6::bigint[])
             AS a(tenant, name, seen, version, following, job_id)
         ), mine AS (
           SELECT s.tenant, s.name, a.following, a.job_id FROM schedules s JOIN asked a USING (tenant, name)
           WHERE s.next_at = a.seen AND s.updated_at = a.version AND NOT s.paused AND s.next_at <= now()
           FOR UPDATE OF s SKIP LOCKED
         ), fired AS (
           UPDATE schedules s SET next_at = m.following, last_at = now(), last_job_id = m.job_id
           FROM mine m WHERE s.tenant = m.tenant AND s.name = m.name
           RETURNING s.last_job_id, s.tenant, s.name, s.kind, s.queue, s.params, s.priority
         ), job AS (
           INSERT INTO jobs (id, tenant, kind, queue, params, priority, schedule)
           SELECT last_job_id, tenant, kind, queue, params, priority, name FROM fired
           RETURNING id, queue, priority, run_at
         ), wake AS (
           INSERT INTO outbox (job_id, attempt, queue, priority, run_at) SELECT id, 0, queue, priority, run_at FROM job
         )
         SELECT last_job_id AS id FROM fired`,
};
const SET_RIGHT = {
  name: "schedules-set-right",
  text: `UPDATE schedules SET next_at = date_trunc('milliseconds', now()) + every_seconds * interval '1 s'
         WHERE NOT paused AND every_seconds IS NOT NULL
           AND next_at > now() + (every_seconds + 1) * interval '1 s' RETURNING name`,
};

interface SoonRow extends TimingRow {
  tenant: string;
  name: string;
  seen: string;
  version: string;
  next_ms: string;
  now_ms: string;
}

/** What a look at the schedules came to. */
export interface Fired {
  /** Jobs that were made. */
  readonly jobs: readonly string[];
  /** Milliseconds until the next schedule is due; `undefined` when none is within the time that was asked for. */
  readonly nextInMs: number | undefined;
}

/**
 * Makes a job of every schedule that is due, with its wake-up, and moves it on to its next time: one statement, so that both
 * happen or neither. Any number of processes may do it at once. Times that were missed while no process was up make one job,
 * not many.
 *
 * @param aheadMs how far to look for the next one
 */
export async function fireSchedules(db: Queryable, nextId: () => string, aheadMs: number, log: Logger): Promise<Fired> {
  const jobs: string[] = [];
  for (;;) {
    const rows = await run<SoonRow>(db, SOON, [aheadMs]);
    const due = rows.filter((row) => Number(row.next_ms) <= Number(row.now_ms));
    if (due.length > 0) jobs.push(...(await fire(db, due, nextId, log)));
    if (due.length === BATCH) continue;
    const next = rows[due.length];
    return { jobs, nextInMs: next && Number(next.next_ms) - Number(next.now_ms) };
  }
}

async function fire(db: Queryable, due: readonly SoonRow[], nextId: () => string, log: Logger): Promise<string[]> {
  const ready: { row: SoonRow; following: Date }[] = [];
  for (const row of due) {
    try {
      ready.push({ row, following: followingTime(timingOfRow(row), Number(row.next_ms), Number(row.now_ms)) });
    } catch (error) {
      log.error({ err: error, tenant: row.tenant, schedule: row.name }, "a schedule has no next time; it is paused");
      await pauseSchedule(db, row.tenant, row.name);
    }
  }
  const made = await runAlone<{ id: string }>(db, FIRE, [
    ready.map(({ row }) => row.tenant),
    ready.map(({ row }) => row.name),
    ready.map(({ row }) => row.seen),
    ready.map(({ row }) => row.version),
    ready.map(({ following }) => following),
    ready.map(() => nextId()),
  ]);
  return made.map(({ id }) => id);
}

/** The first time after now; intervals keep their beat. */
export function followingTime(timing: Timing, dueMs: number, nowMs: number): Date {
  if (timing.is === "cron") return nextTime(timing, new Date(nowMs));
  const everyMs = timing.everySeconds * 1000;
  return new Date(dueMs + everyMs * (Math.floor((nowMs - dueMs) / everyMs) + 1));
}

/**
 * Intervals whose next time is further away than they are long: the database's clock stepped back. They begin anew from now. Cron
 * expressions wait until the clock is there again, as their times have been taken once.
 *
 * @returns how many there were
 */
export async function setIntervalsRight(db: Queryable): Promise<number> {
  return (await run(db, SET_RIGHT)).length;
}
