import type { PoolKind } from "../../configs/worker-settings.ts";
import type { Logger } from "../../jobs/log.ts";
import { NoPlace, type JobRunner, type Work, type WorkHost, type WorkOutcome } from "../runner.ts";
import { Apart } from "./apart.ts";
import { OPEN_LINK, type LinkEvents, type PlaceProgram } from "./link.ts";
import type { PlaceSettings } from "./messages.ts";
import { Place, type PlaceDeps } from "./place.ts";

/**
 * Pause before a place that ended is started again, in milliseconds; doubled each time it ends soon again. The longest one is short: a
 * start each few seconds costs little, and jobs wait for it.
 */
const RESTART_MS = 100;
const LONGEST_RESTART_MS = 3000;

/** A place that was ready this long begins with the short pause again, in milliseconds. */
const STEADY_MS = 10_000;

/** How long a job waits where no place is ready, in milliseconds; then it is handed back. */
const WAIT_MS = 10_000;

/** How long a handler may go on after it was told to stop, in milliseconds; then it is ended with its place. */
const OBEY_MS = 5000;

/** How long places may take to end by themselves, in milliseconds. */
const CLOSE_MS = 2000;

export interface PoolOptions {
  readonly kind: PoolKind;
  /** Processes or threads, 1 or more. */
  readonly places: number;
  readonly program: PlaceProgram;
  readonly settings: Omit<PlaceSettings, "place">;
  readonly log: Logger;
  /** How long a handler may go on after it was told to stop, in milliseconds. @default 5000 */
  readonly obeyMs?: number;
  /** How long a job waits where no place is ready, in milliseconds. @default 10,000 */
  readonly waitMs?: number;
  /** Ends a start that still waits. */
  readonly stopped?: AbortSignal;
}

/** How the places of a pool are. */
export interface PoolState {
  readonly places: number;
  readonly ready: number;
  /** Jobs in all places, those that were told to stop included. */
  readonly jobs: number;
  /** Places that had to be started again so far. */
  readonly restarts: number;
}

export interface Pool extends JobRunner {
  state(): PoolState;
  /** @throws Error with the last reason when no place is ready */
  check(): Promise<void>;
}

/**
 * Starts a pool; resolves when every place is ready.
 *
 * @throws Error with the reason when one of them does not become ready
 */
export async function createPool(options: PoolOptions): Promise<Pool> {
  const pool = new PlacePool(options);
  try {
    await pool.started;
    return pool;
  } catch (error) {
    await pool.close();
    throw error;
  }
}

interface Seat {
  place: Place;
  ended: boolean;
  /** How often on end it ended soon after its start. */
  deaths: number;
}

interface Waiting {
  readonly take: (place: Place) => void;
}

class PlacePool implements Pool {
  readonly started: Promise<void>;
  readonly #options: PoolOptions;
  readonly #seats: Seat[];
  readonly #waiting = new Set<Waiting>();
  readonly #timers = new Set<NodeJS.Timeout>();
  readonly #apart: Apart;
  #restarts = 0;
  #lastReason = "none is ready yet";
  #closing = false;
  #allReady = false;
  #onStarted: () => void = () => undefined;
  #onFailed: (error: Error) => void = () => undefined;
  #onEmpty: () => void = () => undefined;

  constructor(options: PoolOptions) {
    this.#options = options;
    this.started = new Promise((resolve, reject) => {
      this.#onStarted = resolve;
      this.#onFailed = reject;
    });
    const stop = () => {
      if (!this.#allReady) this.#onFailed(new Error("told to stop while the places start"));
    };
    if (options.stopped?.aborted) stop();
    else options.stopped?.addEventListener("abort", stop, { once: true });
    this.#apart = new Apart(options.places, (events) => this.#openPlace(options.places + 1, events));
    this.#seats = Array.from({ length: options.places }, (_, index) => ({
      place: this.#start(index + 1),
      ended: false,
      deaths: 0,
    }));
  }

  async run(work: Work, host: WorkHost, signal: AbortSignal): Promise<WorkOutcome> {
    signal.throwIfAborted();
    if (this.#apart.isSuspect(work.jobId)) return this.#apart.run(work, host, signal);
    const place = this.#freest() ?? (await this.#waitForPlace(signal));
    return place.run(work, host, signal);
  }

  state(): PoolState {
    return {
      places: this.#seats.length,
      ready: this.#seats.filter(({ place }) => place.ready).length,
      jobs: this.#seats.reduce((jobs, { place }) => jobs + place.jobs, 0),
      restarts: this.#restarts,
    };
  }

  async check(): Promise<void> {
    if (!this.#seats.some(({ place }) => place.ready)) throw new Error(`no place is ready; last: ${this.#lastReason}`);
  }

  async close(): Promise<void> {
    this.#closing = true;
    for (const timer of this.#timers) clearTimeout(timer);
    const empty = new Promise<void>((resolve) => (this.#onEmpty = resolve));
    this.#apart.close();
    for (const { place } of this.#seats) place.close();
    const late = setTimeout(() => {
      for (const { place } of this.#seats) place.end("did not end by itself");
    }, CLOSE_MS);
    this.#tellWhenEmpty();
    await empty;
    clearTimeout(late);
  }

  #freest(): Place | undefined {
    let best: Place | undefined;
    for (const { place } of this.#seats) {
      if (place.ready && (best === undefined || place.load < best.load)) best = place;
    }
    return best;
  }

  async #waitForPlace(signal: AbortSignal): Promise<Place> {
    const { waitMs = WAIT_MS } = this.#options;
    return new Promise((resolve, reject) => {
      const leave = () => {
        clearTimeout(timer);
        this.#waiting.delete(waiting);
        signal.removeEventListener("abort", abort);
      };
      const abort = () => {
        leave();
        reject(signal.reason instanceof Error ? signal.reason : new Error(String(signal.reason)));
      };
      const timer = setTimeout(() => {
        leave();
        reject(new NoPlace(`no place was ready within ${waitMs / 1000} s; last: ${this.#lastReason}`));
      }, waitMs);
      const waiting = {
        take: (place: Place) => {
          leave();
          resolve(place);
        },
      };
      this.#waiting.add(waiting);
      signal.addEventListener("abort", abort, { once: true });
    });
  }

  #start(number: number): Place {
    return this.#openPlace(number, {
      onReady: () => {
        this.#isReady();
      },
      onEnd: (reason, wasReady, suspects) => {
        this.#apart.suspect(suspects);
        this.#hasEnded(number, reason, wasReady);
      },
    });
  }

  #openPlace(number: number, events: Pick<PlaceDeps, "onReady" | "onEnd">): Place {
    const { kind, program, settings, log, obeyMs = OBEY_MS } = this.#options;
    const open = (link: LinkEvents) => OPEN_LINK[kind](program, link);
    return new Place({ settings: { ...settings, place: number }, log, obeyMs, open, ...events });
  }

  #isReady(): void {
    if (!this.#allReady && this.#seats.every(({ place }) => place.ready)) {
      this.#allReady = true;
      this.#onStarted();
    }
    for (const waiting of this.#waiting) {
      const place = this.#freest();
      if (place) waiting.take(place);
    }
  }

  #hasEnded(number: number, reason: string, wasReady: number | undefined): void {
    const seat = this.#seats[number - 1];
    if (!seat) return;
    seat.ended = true;
    this.#lastReason = reason;
    if (this.#closing) {
      this.#tellWhenEmpty();
      return;
    }
    if (!this.#allReady) {
      this.#onFailed(new Error(reason));
      return;
    }
    seat.deaths = (wasReady ?? 0) > STEADY_MS ? 1 : seat.deaths + 1;
    const pauseMs = Math.min(RESTART_MS * 2 ** (seat.deaths - 1), LONGEST_RESTART_MS);
    this.#restarts += 1;
    this.#options.log.error(
      { place: number, reason, pauseMs },
      "a place ended and is started again; its jobs are handed back",
    );
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      seat.ended = false;
      seat.place = this.#start(number);
    }, pauseMs);
    this.#timers.add(timer);
  }

  #tellWhenEmpty(): void {
    if (this.#seats.every(({ ended }) => ended)) this.#onEmpty();
  }
}
