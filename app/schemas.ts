import type { Readable } from "node:stream";
import { z } from "zod";
import { QUEUES } from "../configs/runtime.ts";
import { JOB_STATES, type Job } from "../jobs/job.ts";

/** Largest 64-bit number. */
const MAX_ID = 2n ** 63n - 1n;

/** A job may be delayed by 30 days at most. */
const MAX_DELAY_SECONDS = 30 * 24 * 3600;

export const jobId = z
  .string()
  .regex(/^[1-9]\d{0,18}$/, { error: "must be the decimal digits of an id", abort: true })
  .refine((id) => BigInt(id) <= MAX_ID, { error: "must be a number of 64 bits" })
  .describe("64-bit number in decimal digits");

/** No parameters in the address: a misspelt one is not passed over. */
export const noQuery = z.strictObject({});
export const jobParams = z.strictObject({ id: jobId });

export const newJob = z.strictObject({
  kind: z.string().min(1).max(64).describe("Kind of job, such as `speech` or `sum`"),
  params: z.unknown().describe("Parameters of the kind"),
  queue: z.enum(QUEUES).optional().describe("Queue to run in; the kind's own when left out"),
  priority: z.int().min(0).max(2_097_151).default(0).describe("0 is none; else 1 is first"),
  delaySeconds: z.number().min(0).max(MAX_DELAY_SECONDS).default(0).describe("Time before it may start"),
});

const timestamp = z.iso.datetime();

export const acceptedJob = z.object({
  id: jobId,
  kind: z.string(),
  queue: z.string(),
  state: z.enum(JOB_STATES),
  createdAt: timestamp,
  links: z.object({ self: z.string(), artifact: z.string() }),
});

export const jobView = z.object({
  id: jobId,
  kind: z.string(),
  queue: z.string(),
  state: z.enum(JOB_STATES),
  attempt: z.int().describe("Attempts begun so far"),
  params: z.unknown(),
  result: z.unknown().describe("null until the job succeeded"),
  error: z.object({ code: z.string(), message: z.string() }).nullable().describe("Why the last failed attempt failed"),
  artifact: z
    .object({ href: z.string(), mediaType: z.string(), bytes: z.int(), sha256: z.string() })
    .nullable()
    .describe("What the job made, once it succeeded"),
  createdAt: timestamp,
  startedAt: timestamp.nullable().describe("Start of the last attempt"),
  finishedAt: timestamp.nullable(),
});

export const problem = z.looseObject({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  detail: z.string(),
  instance: z.string().optional(),
});

/** What a job made, as it lies in the object store. */
export const artifactContent = z.custom<Readable>().meta({ type: "string", format: "binary" });

export const liveView = z.object({ status: z.literal("live") });
export const readyView = z.object({ status: z.literal("ready") });

export const rootView = z.object({ name: z.string(), version: z.string(), links: z.record(z.string(), z.string()) });

export const healthView = z.object({
  status: z.enum(["healthy", "unhealthy"]),
  version: z.string(),
  dependencies: z.record(z.string(), z.string()).describe("`ok`, or what is wrong"),
});

/** Address of a job. */
export function jobHref(id: string): string {
  return `/api/v1/jobs/${id}`;
}

/** A job as clients see it. */
export function toJobView(job: Job): z.input<typeof jobView> {
  return {
    id: job.id,
    kind: job.kind,
    queue: job.queue,
    state: job.state,
    attempt: job.attempt,
    params: job.params,
    result: job.result,
    error: job.error ?? null,
    artifact: job.artifact
      ? {
          href: `${jobHref(job.id)}/artifact`,
          mediaType: job.artifact.mediaType,
          bytes: job.artifact.bytes,
          sha256: job.artifact.sha256,
        }
      : null,
    createdAt: job.createdAt.toISOString(),
    startedAt: job.startedAt?.toISOString() ?? null,
    finishedAt: job.finishedAt?.toISOString() ?? null,
  };
}
