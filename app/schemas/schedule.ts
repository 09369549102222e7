import { z } from "zod";
import { MAX_EVERY_SECONDS, timingFault, type Timing } from "../../jobs/cron.ts";
import { SCHEDULE_NAME } from "../../jobs/kind.ts";
import type { Schedule } from "../../jobs/schedules.ts";
import { jobId, jobSettings, kindName } from "./job.ts";

const scheduleName = z
  .string()
  .regex(SCHEDULE_NAME, { error: "must be 1 to 63 of a-z, 0-9 and -" })
  .describe("Unique within the tenant");

export const scheduleParams = z.strictObject({ name: scheduleName });

const timingFields = {
  cron: z.string().max(200).optional().describe("Five fields, or six with seconds first; either this or everySeconds"),
  timezone: z.string().max(64).default("UTC").describe("IANA name, for cron"),
  everySeconds: z.int().min(1).max(MAX_EVERY_SECONDS).optional(),
};

export const putBody = z
  .strictObject({
    kind: kindName,
    params: z.unknown().describe("Parameters of the kind; 32 levels deep at most"),
    queue: jobSettings.queue,
    priority: jobSettings.priority,
    ...timingFields,
  })
  .check((context) => {
    const timing = toTiming(context.value);
    const message = timing ? timingFault(timing) : "either cron or everySeconds must be there, and not both";
    if (message !== undefined) context.issues.push({ code: "custom", message, input: context.value, path: [] });
  })
  .meta({ examples: [{ kind: "sum", params: { numbers: [1, 2] }, everySeconds: 3600 }] });

/** The timing of a request; `undefined` when it says none or two. */
export function toTiming(body: {
  readonly cron?: string | undefined;
  readonly timezone: string;
  readonly everySeconds?: number | undefined;
}): Timing | undefined {
  const { cron, timezone, everySeconds } = body;
  if (cron !== undefined && everySeconds === undefined) return { is: "cron", expression: cron, timezone };
  if (everySeconds !== undefined && cron === undefined) return { is: "interval", everySeconds };
  return undefined;
}

const timestamp = z.iso.datetime();

export const scheduleView = z.object({
  name: z.string(),
  kind: z.string(),
  queue: z.string(),
  params: z.unknown(),
  priority: z.int(),
  cron: z.string().nullable(),
  timezone: z.string(),
  everySeconds: z.int().nullable(),
  paused: z.boolean(),
  source: z.enum(["code", "api"]).describe("code: a kind of job brings it along, and it cannot be changed here"),
  nextAt: timestamp,
  lastAt: timestamp.nullable(),
  lastJobId: jobId.nullable(),
  createdAt: timestamp,
  updatedAt: timestamp,
});

export const scheduleList = z.object({
  schedules: z.array(scheduleView).describe("By name"),
  next: z.string().nullable().describe("`after` of the next page; null on the last"),
});

export const scheduleListQuery = z.strictObject({
  after: scheduleName.optional().describe("Only names behind this one"),
});

/** A schedule as clients see it. */
export function toScheduleView(schedule: Schedule): z.output<typeof scheduleView> {
  const { name, kind, queue, params, priority, timing, paused, source } = schedule;
  return {
    ...{ name, kind, queue, params, priority, paused, source },
    cron: timing.is === "cron" ? timing.expression : null,
    timezone: timing.is === "cron" ? timing.timezone : "UTC",
    everySeconds: timing.is === "interval" ? timing.everySeconds : null,
    nextAt: schedule.nextAt.toISOString(),
    lastAt: schedule.lastAt?.toISOString() ?? null,
    lastJobId: schedule.lastJobId ?? null,
    createdAt: schedule.createdAt.toISOString(),
    updatedAt: schedule.updatedAt.toISOString(),
  };
}
