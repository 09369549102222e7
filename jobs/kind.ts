import type { Readable } from "node:stream";
import { z } from "zod";
import { QUEUES, type QueueName } from "../configs/runtime.ts";
import type { Artifact, JobFailure } from "./job.ts";
import type { Logger } from "./log.ts";
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
  /** Five fields, or six with seconds first. Either this or everySeconds. */
  readonly cron?: string;
  /** IANA name. @default "UTC" */
  readonly timezone?: string;
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

const positive = z.int().positive();
const description = z.object({
  name: z.string().regex(/^[a-z][a-z0-9-]*$/),
  queue: z.enum(QUEUES),
  retry: z.strictObject({
    maxAttempts: positive,
    delayMs: z.int().min(0),
    backoff: z.enum(["fixed", "exponential"]).optional(),
    maxDelayMs: positive.optional(),
  }),
  timeoutMs: positive,
  aggregate: z.string().optional(),
});

/**
 * Describes a kind of job. The file `jobs/kinds/<name>.ts` exports it as default; nothing else has to know of it.
 *
 * @throws Error when name, queue, retry or time are not as documented
 */
export function defineKind<Params extends z.ZodType, Result extends z.ZodType>(kind: JobKind<Params, Result>): AnyKind {
  const checked = description.safeParse(kind);
  if (!checked.success) throw new Error(`job kind ${JSON.stringify(kind.name)}: ${z.prettifyError(checked.error)}`);
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
