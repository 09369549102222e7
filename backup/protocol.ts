/** What the backup agent says on standard output, a JSON object a line; `slipway` reads it. */

/** How a process of the agent ends. */
export const EXIT = {
  good: 0,
  failed: 1,
  /** Unknown command or option. */
  usage: 2,
  /** It ran, and what it looked at is damaged, or the key is not kept elsewhere. */
  notGood: 3,
  /** Another one is running (EX_TEMPFAIL of sysexits.h). */
  busy: 75,
} as const;

/** Where data stands in the way from nothing to done. */
export interface ProgressEvent {
  readonly event: "progress";
  /** Such as `postgres`, `redis`, `artifacts`, `recovery`, `smoke job`. */
  readonly step: string;
  readonly doneBytes?: number;
  readonly totalBytes?: number;
}

/** The last line of a command that ran to its end. */
export interface ResultEvent<T> {
  readonly event: "result";
  readonly result: T;
}

/** The last line of a command that failed. */
export interface FailureEvent {
  readonly event: "failure";
  /** Where, what was got, what is allowed, how to mend it; never a secret. */
  readonly message: string;
}

export type BackupType = "full" | "incr";

/** One backup. Times are ISO 8601 in UTC. */
export interface BackupRecord {
  /** pgBackRest's label: 20261129-023000F, 20261129-023000F_20261130-023000I. */
  readonly label: string;
  readonly type: BackupType;
  readonly startedAt: string;
  readonly endedAt: string;
  /** Bytes of the database, and bytes that this backup added to the repository. */
  readonly databaseBytes: number;
  readonly addedBytes: number;
  readonly artifacts: { readonly count: number; readonly bytes: number; readonly addedBytes: number };
  readonly redisBytes: number;
  /** Level of the migrations. */
  readonly migrationLevel: number;
  readonly jobs: number;
  readonly keyId: string;
  /** Repositories that have it: `local`, `offsite`. */
  readonly repositories: readonly string[];
  /** What is wrong with it; empty is good. */
  readonly faults: readonly string[];
}

export interface ListResult {
  readonly backups: readonly BackupRecord[];
  readonly key: { readonly id: string; readonly isEscrowed: boolean };
  readonly archive: {
    /** Commit time up to which WAL lies in the repository, as far as is known. */
    readonly reachesTo?: string;
    readonly behindSeconds?: number;
  };
}

export interface VerifyResult {
  readonly sets: readonly { readonly label: string; readonly faults: readonly string[] }[];
  /** Of the repository as a whole: its archive, its key. */
  readonly faults: readonly string[];
}

/** What a restore would reach, and what of today would be gone. */
export interface RestorePlan {
  /** The backup that it begins with. */
  readonly label: string;
  /** The moment that is asked for. */
  readonly target: string;
  readonly lostSeconds: number;
  /** Jobs accepted after the target: they are gone. */
  readonly jobsLost: number;
  /** Jobs that ended after the target: they run again. */
  readonly jobsAgain: number;
  readonly databaseBytes: number;
}

export interface RestoreResult {
  readonly label: string;
  readonly target: string;
  /** Time of the last transaction that is in it. */
  readonly reached?: string;
  readonly migrationLevel: number;
  readonly rows: Readonly<Record<string, number>>;
  /** Seconds until the database answered, and until the smoke job was done. */
  readonly recoverySeconds: number;
  readonly totalSeconds: number;
  /** Artifacts of finished jobs that are neither in the store nor in the mirror. */
  readonly missingArtifacts: number;
}

/** What came of bringing artifacts back that a restore missed. */
export interface BroughtBack {
  readonly artifacts: number;
  readonly bytes: number;
  /** Those that no repository has whole. */
  readonly missing: number;
}

export interface DrillResult extends RestoreResult {
  /** Recovery time and point that were measured. */
  readonly rtoSeconds: number;
  readonly rpoSeconds: number;
}

/** A drill of a database alone: its artifacts are somebody else's to keep. */
export type DatabaseDrill = Omit<DrillResult, "missingArtifacts">;

export type EscrowResult = { readonly keyId: string; readonly sealed?: string; readonly isVerified: boolean };
