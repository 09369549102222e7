import { NoPlace, RunnerDied, type Work, type WorkHost, type WorkOutcome } from "../runner.ts";
import type { Place } from "./place.ts";

/** How often a job's place must have died with others in it: once may be an operator, or the kernel. */
const DEATHS = 2;

/** How long a place may take to end by itself, in milliseconds. */
const CLOSE_MS = 2000;

/** Jobs remembered; older ones are forgotten first. */
const MOST_SUSPECTS = 10_000;

/** What a place tells of itself to whoever opened it. */
export interface PlaceEvents {
  readonly onReady: () => void;
  readonly onEnd: (reason: string) => void;
}

/**
 * Runs jobs in a place of their own whose place died twice with others in it. Nobody knows which of them did it: run together
 * again, the innocent would die with the guilty one until all of them count as dead.
 */
export class Apart {
  readonly #deaths = new Map<string, number>();
  readonly #open: (events: PlaceEvents) => Place;
  readonly #most: number;
  readonly #places = new Set<Place>();
  readonly #waiting: (() => void)[] = [];
  #free: number;
  #closed = false;

  /**
   * @param most places of this sort at once, 1 or more
   */
  constructor(most: number, open: (events: PlaceEvents) => Place) {
    this.#most = most;
    this.#free = most;
    this.#open = open;
  }

  suspect(jobIds: readonly string[]): void {
    for (const jobId of jobIds) this.#deaths.set(jobId, (this.#deaths.get(jobId) ?? 0) + 1);
    for (const oldest of this.#deaths.keys()) {
      if (this.#deaths.size <= MOST_SUSPECTS) break;
      this.#deaths.delete(oldest);
    }
  }

  isSuspect(jobId: string): boolean {
    return (this.#deaths.get(jobId) ?? 0) >= DEATHS;
  }

  async run(work: Work, host: WorkHost, signal: AbortSignal): Promise<WorkOutcome> {
    return new Promise((resolve, reject) => {
      const abort = () => {
        reject(signal.reason as Error);
      };
      signal.addEventListener("abort", abort, { once: true });
      this.#inTurn(work, host, signal)
        .then(resolve, reject)
        .finally(() => {
          signal.removeEventListener("abort", abort);
        });
    });
  }

  /** Ends those places at once. */
  close(): void {
    this.#closed = true;
    for (const place of this.#places) place.end("was ended with the pool");
    for (const go of this.#waiting.splice(0)) go();
  }

  async #inTurn(work: Work, host: WorkHost, signal: AbortSignal): Promise<WorkOutcome> {
    if (this.#free === 0) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#free -= 1;
    try {
      signal.throwIfAborted();
      if (this.#closed) throw new NoPlace("the pool was closed");
      const outcome = await this.#alone(work, host, signal);
      this.#deaths.delete(work.jobId);
      return outcome;
    } finally {
      const next = this.#waiting.shift();
      if (next) next();
      else this.#free = Math.min(this.#free + 1, this.#most);
    }
  }

  async #alone(work: Work, host: WorkHost, signal: AbortSignal): Promise<WorkOutcome> {
    let place: Place | undefined;
    let gone: () => void = () => undefined;
    const ended = new Promise<void>((resolve) => (gone = resolve));
    try {
      await new Promise<void>((onReady, fail) => {
        place = this.#open({
          onReady,
          onEnd: (reason) => {
            if (place) this.#places.delete(place);
            fail(new RunnerDied(reason)); // Of no effect once it was ready.
            gone();
          },
        });
        this.#places.add(place);
      });
      if (!place) throw new RunnerDied("no place was opened");
      return await place.run(work, host, signal);
    } finally {
      // A handler that was told to stop may need to be ended with it.
      if (signal.aborted) place?.end("was ended with the job that it was opened for");
      else place?.close();
      const late = setTimeout(() => place?.end("did not end by itself"), CLOSE_MS);
      await ended;
      clearTimeout(late);
    }
  }
}
