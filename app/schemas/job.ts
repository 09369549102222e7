import type { Readable } from "node:stream";
import { z } from "zod";
import { QUEUES } from "../../configs/runtime.ts";
import { JOB_STATES, type Job } from "../../jobs/job.ts";
import { KIND_NAME } from "../../jobs/kind.ts";
import { OUTCOMES, type EndedAttempt, type JobSummary } from "../../jobs/reads.ts";

/** Largest 64-bit number. */
export const MAX_ID = 2n ** 63n - 1n;

/** A job may be delayed by 30 days at most. */
const MAX_DELAY_SECONDS = 30 * 24 * 3600;

export const jobId = z
  .string()
  .regex(/^[1-9]\d{0,18}$/, { error: "must be the decimal digits of an id", abort: true })
  .refine((id) => BigInt(id) <= MAX_ID, { error: "must be a number of 64 bits" })
  .describe("64-bit number in decimal digits");

export const jobParams = z.strictObject({ id: jobId });

/** Settings that a job and every job of a batch have. */
export const jobSettings = {
  queue: z.enum(QUEUES).optional().describe("Queue to run in; the kind's own when left out"),
  priority: z
    .int()
    .min(0)
    .max(2_097_151)
    .default(0)
    .describe("0 goes first, in the order of arrival; then 1, and so on. While 0 has a backlog the others wait"),
  delaySeconds: z.number().min(0).max(MAX_DELAY_SECONDS).default(0).describe("Time before it may start"),
};

/** Name of a kind in a request. */
export const kindName = z.string().min(1).max(64).describe("Kind of job, such as `speech` or `sum`");

export const newJob = z
  .strictObject({
    kind: kindName,
    params: z.unknown().describe("Parameters of the kind; 32 levels deep at most"),
    ...jobSettings,
  })
  .meta({ examples: [{ kind: "sum", params: { numbers: [1, 2] } }] });

/** Headers that make a request safe to repeat. Others are not looked at. */
export const idempotencyHeaders = z.object({
  "idempotency-key": z
    .string()
    .meta({ minLength: 1, maxLength: 255, pattern: "^[\\x21-\\x7e]{1,255}$" })
    .optional()
    .describe("1 to 255 visible ASCII characters. The same request under the same key makes nothing twice for a day"),
});

const timestamp = z.iso.datetime();

export const acceptedJob = z.object({
  id: jobId,
  kind: z.string(),
  queue: z.string(),
  state: z.enum(JOB_STATES),
  createdAt: timestamp,
  links: z.object({ self: z.string(), events: z.string(), artifact: z.string() }),
});

const summary = {
  id: jobId,
  kind: z.string(),
  queue: z.string(),
  state: z.enum(JOB_STATES),
  attempt: z.int().describe("Attempts begun so far"),
  priority: z.int(),
  batchId: jobId.nullable().describe("The batch that it belongs to"),
  createdAt: timestamp,
  startedAt: timestamp.nullable().describe("Start of the last attempt"),
  finishedAt: timestamp.nullable(),
};

const failure = z.object({ code: z.string(), message: z.string() }).nullable();

export const jobSummaryView = z.object(summary);

export const jobView = z.object({
  ...summary,
  position: z.int().nullable().describe("Place among the members of its batch, from 0"),
  params: z.unknown(),
  result: z.unknown().describe("null until the job succeeded"),
  error: failure.describe("Why the last failed attempt failed"),
  progress: z.object({ percent: z.number(), message: z.string().nullable() }).nullable(),
  cancelRequested: z.boolean().describe("Its worker was told to stop it and has not yet"),
  artifact: z
    .object({ href: z.string(), mediaType: z.string(), bytes: z.int(), sha256: z.string() })
    .nullable()
    .describe("What the job made, once it succeeded"),
});

export const listQuery = z.strictObject({
  state: z.enum(JOB_STATES).optional(),
  kind: z.string().regex(KIND_NAME, { error: "must be the name of a kind: a-z, 0-9 and -" }).max(64).optional(),
  queue: z.enum(QUEUES).optional(),
  limit: z
    .string()
    .regex(/^\d{1,3}$/, { error: "must be a whole number, 1 to 200" })
    .transform(Number)
    .pipe(z.int().min(1).max(200))
    .default(50)
    .meta({ type: "integer", minimum: 1, maximum: 200, default: 50 })
    .describe("Jobs in a page"),
  cursor: z.string().max(200).optional().describe("`nextCursor` of the page before, with the same filters"),
});

export const jobList = z.object({
  jobs: z.array(jobSummaryView),
  nextCursor: z
    .string()
    .nullable()
    .describe("For the next page; null on the last. With filters a page may be short and still not be the last"),
});

export const attemptList = z.object({
  attempts: z.array(
    z.object({
      attempt: z.int(),
      outcome: z.enum([...OUTCOMES, "active"]),
      error: failure,
      startedAt: timestamp,
      finishedAt: timestamp.nullable(),
    }),
  ),
});

export const cancelView = z.object({
  id: jobId,
  state: z.enum(JOB_STATES),
  cancelRequested: z.boolean().describe("It is running; its worker was told to stop it"),
});

export const retryView = z.object({ id: jobId, state: z.enum(JOB_STATES) });

/** What a job made, as it lies in the object store. */
export const artifactContent = z.custom<Readable>().meta({ type: "string", format: "binary" });

/** Address of a job. */
export function jobHref(id: string): string {
  return `/api/v1/jobs/${id}`;
}

/** What is told of a job that was accepted. */
export function toAcceptedJob(job: Pick<Job, "id" | "kind" | "queue" | "state" | "createdAt">) {
  const self = jobHref(job.id);
  return {
    id: job.id,
    kind: job.kind,
    queue: job.queue,
    state: job.state,
    createdAt: job.createdAt.toISOString(),
    links: { self, events: `${self}/events`, artifact: `${self}/artifact` },
  };
}

/** A job in a list. */
export function toSummaryView(job: JobSummary): z.output<typeof jobSummaryView> {
  const { id, kind, queue, state, attempt, priority } = job;
  return {
    ...{ id, kind, queue, state, attempt, priority },
    batchId: job.batchId ?? null,
    createdAt: job.createdAt.toISOString(),
    startedAt: job.startedAt?.toISOString() ?? null,
    finishedAt: job.finishedAt?.toISOString() ?? null,
  };
}

/** A job as clients see it. */
export function toJobView(job: Job): z.output<typeof jobView> {
  const { artifact, progress } = job;
  return {
    ...toSummaryView(job),
    position: job.position ?? null,
    params: job.params,
    result: job.result,
    error: job.error ? { code: job.error.code, message: job.error.message } : null,
    progress: progress ? { percent: progress.percent, message: progress.message } : null,
    cancelRequested: job.cancelRequested,
    artifact: artifact
      ? {
          href: `${jobHref(job.id)}/artifact`,
          mediaType: artifact.mediaType,
          bytes: artifact.bytes,
          sha256: artifact.sha256,
        }
      : null,
  };
}

/** Attempts of a job: those that have ended, and the one that runs. */
export function toAttempts(
  ended: readonly EndedAttempt[],
  running: { readonly attempt: number; readonly startedAt: Date } | undefined,
): z.output<typeof attemptList> {
  const attempts: z.output<typeof attemptList>["attempts"] = ended.map((one) => ({
    attempt: one.attempt,
    outcome: one.outcome,
    error: one.error ?? null,
    startedAt: one.startedAt.toISOString(),
    finishedAt: one.finishedAt?.toISOString() ?? null,
  }));
  if (running) {
    const startedAt = running.startedAt.toISOString();
    attempts.push({ attempt: running.attempt, outcome: "active", error: null, startedAt, finishedAt: null });
  }
  return { attempts };
}
