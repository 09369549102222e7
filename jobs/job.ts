/** States of a job, as the database's check has them; docs/jobs.md tells what they mean. */
export const JOB_STATES = ["blocked", "queued", "active", "retrying", "succeeded", "dead", "cancelled"] as const;
export type JobState = (typeof JOB_STATES)[number];

/** Where a job may go from each state; nothing else happens. `blocked` is reached again only by a retry. */
export const TRANSITIONS = {
  blocked: ["queued", "dead", "cancelled"],
  queued: ["active", "cancelled"],
  active: ["succeeded", "retrying", "dead", "cancelled", "queued"],
  retrying: ["active", "cancelled"],
  succeeded: [],
  dead: ["queued", "blocked"],
  cancelled: ["queued", "blocked"],
} as const satisfies Record<JobState, readonly JobState[]>;

/** States in which a job does nothing more by itself. */
export const ENDED_STATES = ["succeeded", "dead", "cancelled"] as const satisfies readonly JobState[];
export type EndedState = (typeof ENDED_STATES)[number];

/** Why an attempt failed, as it is kept and shown. */
export interface JobFailure {
  /** A word for programs, such as `timeout` or `engine-failed`. */
  readonly code: string;
  readonly message: string;
}

/** How far the attempt is that runs, or ran last. */
export interface JobProgress {
  /** 0 to 100. */
  readonly percent: number;
  readonly message: string | null;
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
  readonly tenant: string;
  readonly kind: string;
  readonly queue: string;
  readonly state: JobState;
  readonly params: unknown;
  readonly result: unknown;
  readonly error: JobFailure | undefined;
  /** Attempts begun so far. */
  readonly attempt: number;
  readonly priority: number;
  /** The batch it is a member or the aggregate of. */
  readonly batchId: string | undefined;
  /** Place among the members of its batch, from 0; none for an aggregate. */
  readonly position: number | undefined;
  /** Somebody wants it cancelled; its worker has not stopped it yet. */
  readonly cancelRequested: boolean;
  readonly progress: JobProgress | undefined;
  readonly artifact: Artifact | undefined;
  readonly createdAt: Date;
  readonly startedAt: Date | undefined;
  readonly finishedAt: Date | undefined;
}

/** A request that must not do its work twice. */
export interface Idempotency {
  /** Unique within the tenant. */
  readonly key: string;
  /** Of what is asked, such as its SHA-256. */
  readonly fingerprint: Buffer;
}

/** A job to be made. */
export interface NewJob {
  readonly id: string;
  /** `^[a-z0-9][a-z0-9-]{0,62}$` */
  readonly tenant: string;
  readonly kind: string;
  readonly queue: string;
  readonly params: unknown;
  /** 0 goes before all others, in the order of arrival; then 1 to 2,097,151 (last), as BullMQ has it. @default 0 */
  readonly priority?: number;
  /** How long to wait before it may start, in milliseconds. @default 0 */
  readonly delayMs?: number;
  readonly idempotency?: Idempotency | undefined;
  /** Name of the schedule that makes it. */
  readonly schedule?: string | undefined;
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
