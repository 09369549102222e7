import type { Readable } from "node:stream";
import { z } from "zod";
import { QUEUES, type QueueName } from "../configs/runtime.ts";
import { timingFault, type Timing } from "./cron.ts";
import type { Queryable } from "./database.ts";
import type { Artifact, JobFailure } from "./job.ts";
import type { Logger } from "./log.ts";
import type { ObjectStore } from "./object-store.ts";
import type { SpeechEngine } from "./speech-engine.ts";

/** What a handler is given beside its parameters. */
export interface JobContext {
  readonly jobId: string;
  /** 1 for the first attempt. */
  readonly attempt: number;
  /** Fires when the time of the kind is over, the job was given to another worker, or the worker stops. */
  readonly signal: AbortSignal;
  /** Every line carries job, kind and attempt. */
  readonly log: Logger;
  /** Engines of this worker. */
  readonly engines: { readonly speech: SpeechEngine };
  /**
   * Stores what the job makes, one file a job. It becomes visible with the result, and only if this attempt still holds the job.
   *
   * @throws the signal's reason when that has fired
   */
  saveArtifact(artifact: NewArtifact): Promise<void>;
  /** Tells how far the work is; shown to whoever watches the job. Cheap: what comes too fast is passed over. */
  progress(progress: Progress): void;
  /** Members of the batch that this job aggregates, in order. Empty for a job that aggregates none. */
  members(): AsyncIterable<Member>;
  /** Reads what a member made. */
  readArtifact(artifact: Artifact): Promise<Readable>;
  /** The product's own database and store. There only for kinds that say `upkeep: true`. */
  readonly upkeep?: Upkeep;
}

/** What work on the product itself needs. */
export interface Upkeep {
  readonly database: Queryable;
  readonly objects: ObjectStore;
}

/** How far an attempt is. */
export interface Progress {
  /** 0 to 100. */
  readonly percent: number;
  /** A few words for people, 200 characters at most. */
  readonly message?: string | undefined;
}

/** A job that an aggregate waited for, as it ended. */
export interface Member {
  readonly jobId: string;
  /** From 0, as in the request. */
  readonly position: number;
  readonly kind: string;
  readonly state: "succeeded" | "dead" | "cancelled";
  readonly params: unknown;
  readonly result: unknown;
  readonly error: JobFailure | undefined;
  readonly artifact: Artifact | undefined;
}

/** A file that a job makes. */
export interface NewArtifact {
  readonly mediaType: string;
  /** Ending of its name without the dot: a-z and 0-9. */
  readonly extension: string;
  readonly content: Uint8Array | AsyncIterable<Uint8Array>;
}

/** What happens after a failed attempt. */
export interface RetryPolicy {
  /** Attempts in all, 1 or more. */
  readonly maxAttempts: number;
  /** Pause before the next attempt, in milliseconds. */
  readonly delayMs: number;
  /**
   * `fixed`: always delayMs. `exponential`: doubled after each failure up to maxDelayMs, and a random half of it taken off, so
   * that jobs which failed together do not come back together.
   *
   * @default "fixed"
   */
  readonly backoff?: "fixed" | "exponential";
  /** Longest pause of `exponential`, in milliseconds. @default 3,600,000 */
  readonly maxDelayMs?: number;
}

/** A time table that a kind brings along; kept in Postgres, fired once however many processes look at it. */
export interface KindSchedule {
  /** Unique among the schedules of all kinds. */
  readonly name: string;
  /** Five fields, or six with seconds first; see cron.ts. Either this or everySeconds. */
  readonly cron?: string;
  /** IANA name. @default "UTC" */
  readonly timezone?: string;
  /** Seconds from one to the next, 1 to a year. */
  readonly everySeconds?: number;
  readonly params: unknown;
}

/** One kind of job: its shape, where it runs and how. */
export interface JobKind<Params extends z.ZodType = z.ZodType, Result extends z.ZodType = z.ZodType> {
  /** As it stands in requests; equals the name of its file. */
  readonly name: string;
  /** Checked when a job is made. */
  readonly params: Params;
  /** Checked before a result is kept. */
  readonly result: Result;
  /** Queue for jobs that name none. */
  readonly queue: QueueName;
  readonly retry: RetryPolicy;
  /** Time of one attempt, in milliseconds. */
  readonly timeoutMs: number;
  /** Kind that makes one result of a batch of this kind, where the request names none. */
  readonly aggregate?: string;
  /** Runs of its own, under the tenant `system`. */
  readonly schedules?: readonly KindSchedule[];
  /**
   * Work on the product itself: it runs in the worker's own process, which has the database, and not in its pool. Only its
   * schedules make jobs of it; the API does not know it.
   *
   * @default false
   */
  readonly upkeep?: boolean;
  /** Does the work. Throw {@link PermanentFailure} where no retry can help. */
  readonly handler: (context: JobContext, params: z.output<Params>) => Promise<z.input<Result>>;
}

/** A kind whose types are forgotten: what a list of all kinds holds. */
export interface AnyKind extends Omit<JobKind, "handler"> {
  /** Checks the stored parameters, does the work and checks the result. */
  readonly perform: (context: JobContext, params: unknown) => Promise<unknown>;
}

/** An error that is the same on every attempt: the job is dead at once. */
export class PermanentFailure extends Error {
  override readonly name: string = "PermanentFailure";
  readonly code: string;

  /** @param code a word for programs, such as `unknown-voice` */
  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

const MAX_DELAY_MS = 3_600_000;

/**
 * The pause before the next attempt, in whole milliseconds.
 *
 * @param failures failed attempts so far, 1 or more
 * @param random 0 to 1, 1 excluded: which part of the random half is taken off
 */
export function retryDelayMs(policy: RetryPolicy, failures: number, random = Math.random()): number {
  const { delayMs, backoff = "fixed" } = policy;
  switch (backoff) {
    case "fixed":
      return delayMs;
    case "exponential": {
      const { maxDelayMs = Math.max(MAX_DELAY_MS, delayMs) } = policy;
      // Beyond 2^31 every policy is at its longest pause.
      const doubled = Math.min(delayMs * 2 ** Math.min(failures - 1, 31), maxDelayMs);
      return Math.ceil(doubled * (1 - random / 2));
    }
  }
}

/** The fields of a schedule that say when it is due. */
export interface TimingFields {
  readonly cron?: string | undefined;
  readonly timezone?: string | undefined;
  readonly everySeconds?: number | undefined;
}

/** When a schedule is due, of its fields. */
export function timingOf({ cron, timezone = "UTC", everySeconds }: TimingFields): Timing {
  return cron === undefined
    ? { is: "interval", everySeconds: everySeconds ?? Number.NaN }
    : { is: "cron", expression: cron, timezone };
}

/** What a kind of job may be called. */
export const KIND_NAME = /^[a-z][a-z0-9-]*$/;

/** What a schedule may be called. */
export const SCHEDULE_NAME = /^[a-z0-9][a-z0-9-]{0,62}$/;

const positive = z.int().positive();
/** Timers of Node fire at once beyond this. */
const milliseconds = z.int().max(2_147_483_647);
const schedule = z
  .strictObject({
    name: z.string().regex(SCHEDULE_NAME),
    cron: z.string().optional(),
    timezone: z.string().optional(),
    everySeconds: z.number().optional(),
    params: z.unknown(),
  })
  .superRefine((value, context) => {
    const { cron, everySeconds } = value;
    if ((cron === undefined) === (everySeconds === undefined)) context.addIssue("needs either cron or everySeconds");
    else {
      const fault = timingFault(timingOf(value));
      if (fault !== undefined) context.addIssue(fault);
    }
  });
const description = z.object({
  name: z.string().regex(KIND_NAME),
  queue: z.enum(QUEUES),
  retry: z
    .strictObject({
      maxAttempts: positive,
      delayMs: milliseconds.min(0),
      backoff: z.enum(["fixed", "exponential"]).optional(),
      maxDelayMs: milliseconds.min(1).optional(),
    })
    .refine(({ delayMs, maxDelayMs }) => maxDelayMs === undefined || maxDelayMs >= delayMs, {
      error: "maxDelayMs must be delayMs or more",
    }),
  timeoutMs: milliseconds.min(1),
  aggregate: z.string().optional(),
  schedules: z.array(schedule).optional(),
  upkeep: z.boolean().optional(),
});

/**
 * Describes a kind of job. The file `jobs/kinds/<name>.ts` exports it as default; nothing else has to know of it.
 *
 * @throws Error when name, queue, retry, time or schedules are not as documented, or a schedule's parameters do not pass the schema
 */
export function defineKind<Params extends z.ZodType, Result extends z.ZodType>(kind: JobKind<Params, Result>): AnyKind {
  const checked = description.safeParse(kind);
  if (!checked.success) throw new Error(`job kind ${JSON.stringify(kind.name)}: ${z.prettifyError(checked.error)}`);
  for (const { name, params } of kind.schedules ?? []) {
    const known = kind.params.safeParse(params);
    if (!known.success) {
      throw new Error(`job kind "${kind.name}", params of schedule "${name}": ${z.prettifyError(known.error)}`);
    }
  }
  const { handler, ...rest } = kind;
  return {
    ...rest,
    perform: async (context, params) => {
      const known = kind.params.safeParse(params);
      if (!known.success) throw new PermanentFailure("invalid-params", z.prettifyError(known.error));
      return kind.result.parse(await handler(context, known.data));
    },
  };
}
