import type { Artifact, JobFailure } from "../jobs/job.ts";
import type { Member, Progress } from "../jobs/kind.ts";

/** One attempt of a job, as whoever runs its handler is told. Plain data: it may cross a process boundary. */
export interface Work {
  readonly jobId: string;
  readonly attempt: number;
  readonly kind: string;
  readonly params: unknown;
}

/** What a handler may ask of the process that holds the database. */
export interface WorkHost {
  /** The handler told how far it is. Never throws; the newest one counts. */
  progress(progress: Progress): void;
  /**
   * Members of the batch that this job aggregates, by position, those after `after` (-1 for the first page).
   *
   * @returns at most 100; none when there are no more
   */
  members(after: number): Promise<readonly Member[]>;
}

/** What became of a handler. */
export type WorkOutcome =
  | { readonly is: "success"; readonly result: unknown; readonly artifact: Artifact | undefined }
  | {
      readonly is: "failure";
      readonly failure: JobFailure;
      /** No retry can help. */
      readonly permanent: boolean;
      /** What it had stored before it failed. */
      readonly artifact: Artifact | undefined;
    };

/** The process or thread that ran the handler is gone. The job is handed back and counts a loss, not a failure of its own. */
export class RunnerDied extends Error {
  override readonly name = "RunnerDied";
  /** Nothing else ran in that place: then it is a failure of the job. */
  readonly alone: boolean;

  constructor(message: string, options: ErrorOptions & { readonly alone?: boolean } = {}) {
    super(message, options);
    this.alone = options.alone ?? false;
  }
}

/** No place could take the job. It has not begun: it is handed back and counts nothing. */
export class NoPlace extends Error {
  override readonly name = "NoPlace";
}

/** Runs handlers: in this process, in threads or in processes of their own. */
export interface JobRunner {
  /**
   * Runs one attempt to its end.
   *
   * @param signal once it fires the handler is told and the promise settles at once, whatever the handler does: it rejects
   *               with the signal's reason. Handlers that do not obey are ended with their thread or process.
   * @throws RunnerDied when the place where it ran is gone
   * @throws NoPlace when there was none to run it
   */
  run(work: Work, host: WorkHost, signal: AbortSignal): Promise<WorkOutcome>;
  /** Ends every place. Nothing runs any more when it is called, or it is ended. */
  close(): Promise<void>;
}
