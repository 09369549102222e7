import { appendFileSync } from "node:fs";

/** A job that was accepted. */
export interface AcceptedJob {
  readonly id: string;
  readonly sum: number;
  readonly delayMs: number;
  /** Somebody asked for its cancellation: it may end as cancelled. */
  mayBeCancelled: boolean;
}

/** A batch that was accepted. */
export interface AcceptedBatch {
  readonly id: string;
  readonly aggregateId: string;
  /** Of its members, in order. */
  readonly sums: readonly number[];
}

/** The client's own log of everything that was answered 2xx. It knows nothing of the database. */
export class Ledger {
  readonly jobs = new Map<string, AcceptedJob>();
  readonly batches = new Map<string, AcceptedBatch>();
  /** Answers that contradict each other, such as two ids for one key. */
  readonly contradictions: string[] = [];
  /** Requests by what came of them. */
  readonly answers = new Map<string, number>();
  readonly #path: string;
  #lines: string[] = [];

  constructor(path: string) {
    this.#path = path;
  }

  /** Jobs that were accepted, members and aggregates too. */
  count = 0;

  acceptJob(job: AcceptedJob): void {
    this.jobs.set(job.id, job);
    this.count += 1;
    this.#write(job);
  }

  acceptBatch(batch: AcceptedBatch): void {
    this.batches.set(batch.id, batch);
    this.count += batch.sums.length + 1;
    this.#write(batch);
  }

  tally(answer: string): void {
    this.answers.set(answer, (this.answers.get(answer) ?? 0) + 1);
  }

  flush(): void {
    if (this.#lines.length > 0) appendFileSync(this.#path, this.#lines.join(""));
    this.#lines = [];
  }

  #write(entry: AcceptedJob | AcceptedBatch): void {
    this.#lines.push(`${JSON.stringify(entry)}\n`);
    if (this.#lines.length >= 1000) this.flush();
  }
}
