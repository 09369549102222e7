/**
 * States of a job, as the database's check has them.
 *
 *     blocked -> queued -> active -> succeeded
 *                  ^  ^       |----> dead
 *                  |  |       '----> retrying -> active ...
 *                  |  '-- taken over or handed back
 *     any but succeeded and dead -> cancelled
 */
export const JOB_STATES = ["blocked", "queued", "active", "retrying", "succeeded", "dead", "cancelled"] as const;
export type JobState = (typeof JOB_STATES)[number];

/** Why an attempt failed, as it is kept and shown. */
export interface JobFailure {
  /** A word for programs, such as `timeout` or `engine-failed`. */
  readonly code: string;
  readonly message: string;
}

/** What a job left in the object store. */
export interface Artifact {
  readonly key: string;
  readonly mediaType: string;
  readonly bytes: number;
  /** Of the content, in hex. */
  readonly sha256: string;
}

/** A job as it is read. */
export interface Job {
  /** 64-bit number in decimal digits. */
  readonly id: string;
  readonly kind: string;
  readonly queue: string;
  readonly state: JobState;
  readonly params: unknown;
  readonly result: unknown;
  readonly error: JobFailure | undefined;
  /** Attempts begun so far. */
  readonly attempt: number;
  readonly artifact: Artifact | undefined;
  readonly createdAt: Date;
  readonly startedAt: Date | undefined;
  readonly finishedAt: Date | undefined;
}

/** A job to be made. */
export interface NewJob {
  readonly id: string;
  readonly kind: string;
  readonly queue: string;
  readonly params: unknown;
  /** 0 is none, then 1 (first) to 2,097,151 (last), as BullMQ has it. @default 0 */
  readonly priority?: number;
  /** How long to wait before it may start, in milliseconds. @default 0 */
  readonly delayMs?: number;
}

/** A wake-up that has to reach Redis. */
export interface WakeUp {
  readonly jobId: string;
  /** Claims so far: makes the wake-up of a retry differ from the one before. */
  readonly attempt: number;
  readonly queue: string;
  readonly priority: number;
  /** How long until it may start, in milliseconds. */
  readonly delayMs: number;
}
