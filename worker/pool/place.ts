import type { Logger } from "../../jobs/log.ts";
import { reasonOf } from "../../jobs/patience.ts";
import type { Work, WorkHost, WorkOutcome } from "../runner.ts";
import { RunnerDied } from "../runner.ts";
import type { Link, LinkEvents } from "./link.ts";
import {
  createBatcher,
  type Batcher,
  type FromPlace,
  type PlainOutcome,
  type PlaceSettings,
  type ToPlace,
} from "./messages.ts";

/** How long a place may take to become ready, in milliseconds: a model of some hundred megabytes is read from a slow disk. */
const START_MS = 180_000;

interface Run {
  readonly work: Work;
  readonly host: WorkHost;
  readonly settle: (outcome: WorkOutcome) => void;
  readonly fail: (error: unknown) => void;
  readonly unhear: () => void;
  /** Nobody waits for it any more; it is ended when the timer is over. */
  obey: NodeJS.Timeout | undefined;
}

export interface PlaceDeps {
  readonly settings: PlaceSettings;
  readonly log: Logger;
  /** How long a handler may go on after it was told to stop, in milliseconds; then it is ended with its place. */
  readonly obeyMs: number;
  readonly open: (events: LinkEvents) => Link;
  readonly onReady: () => void;
  /**
   * @param wasReady for how long it was ready, in milliseconds; `undefined` when it never was
   * @param suspects jobs that were in it, where any one of several may have ended it
   */
  readonly onEnd: (reason: string, wasReady: number | undefined, suspects: readonly string[]) => void;
}

/** One process or thread that runs handlers, seen from the worker. It lives once: another one takes its number after it. */
export class Place {
  readonly name: string;
  readonly #deps: PlaceDeps;
  readonly #link: Link;
  readonly #out: Batcher<ToPlace>;
  readonly #runs = new Map<number, Run>();
  readonly #starting: NodeJS.Timeout;
  #next = 0;
  #disobedient = 0;
  #readySince: number | undefined;
  #reason: string | undefined;
  #ended = false;

  constructor(deps: PlaceDeps) {
    this.#deps = deps;
    this.#link = deps.open({
      onBatch: (batch) => {
        for (const message of batch) this.#hear(message);
      },
      onComplaint: (text) => {
        deps.log.warn({ place: deps.settings.place, stderr: text }, "a place printed to stderr");
      },
      onEnd: (how) => {
        this.#end(how);
      },
    });
    this.name = `place ${deps.settings.place} (${this.#link.name})`;
    this.#out = createBatcher((batch) => {
      this.#link.send(batch);
    });
    this.#out.push({ is: "start", settings: deps.settings });
    this.#starting = setTimeout(() => {
      this.end(`was not ready within ${START_MS / 1000} s`);
    }, START_MS);
  }

  get ready(): boolean {
    return this.#readySince !== undefined && this.#reason === undefined && !this.#ended;
  }

  /** Jobs in it; one that was told to stop and did not yet counts a hundred times: it may block the whole place. */
  get load(): number {
    return this.#runs.size + 100 * this.#disobedient;
  }

  /** Jobs in it. */
  get jobs(): number {
    return this.#runs.size;
  }

  async run(work: Work, host: WorkHost, signal: AbortSignal): Promise<WorkOutcome> {
    return new Promise((settle, fail) => {
      const id = this.#next++;
      const abort = () => {
        this.#abort(id, signal.reason);
      };
      const unhear = () => {
        signal.removeEventListener("abort", abort);
      };
      signal.addEventListener("abort", abort, { once: true });
      this.#runs.set(id, { work, host, settle, fail, unhear, obey: undefined });
      this.#out.push({ is: "run", run: id, work });
    });
  }

  /** Asks it to end by itself. */
  close(): void {
    this.#reason ??= "was told to close";
    this.#out.push({ is: "close" });
    this.#out.flush();
  }

  /** Ends it at once. */
  end(reason: string): void {
    this.#reason ??= reason;
    this.#link.kill();
  }

  #abort(id: number, reason: unknown): void {
    const run = this.#runs.get(id);
    if (!run) return;
    this.#disobedient += 1;
    run.obey = setTimeout(() => {
      const { jobId, kind } = run.work;
      this.end(
        `was ended: job ${jobId} of kind ${kind} went on for ${this.#deps.obeyMs / 1000} s after it was told to stop`,
      );
    }, this.#deps.obeyMs);
    this.#out.push({
      is: "abort",
      run: id,
      name: reason instanceof Error ? reason.name : "Error",
      message: reasonOf(reason),
    });
    run.fail(reason);
  }

  #hear(message: FromPlace): void {
    switch (message.is) {
      case "ready":
        this.#readySince = performance.now();
        clearTimeout(this.#starting);
        this.#deps.onReady();
        return;
      case "broken":
        this.#reason ??= message.reason;
        return;
      case "done":
        this.#done(message.run, message.outcome);
        return;
      case "progress": {
        const run = this.#runs.get(message.run);
        if (run && !run.obey) run.host.progress(message.progress);
        return;
      }
      case "members":
        void this.#answerMembers(message);
        return;
    }
  }

  #done(id: number, outcome: PlainOutcome): void {
    const run = this.#runs.get(id);
    if (!run) return;
    this.#runs.delete(id);
    run.unhear();
    if (!run.obey) {
      run.settle(unpack(outcome));
      return;
    }
    this.#disobedient -= 1;
    clearTimeout(run.obey);
    // It ended just as it was told to stop: the place did not know yet that nobody waits.
    if (outcome.artifact) this.#out.push({ is: "drop", key: outcome.artifact.key });
  }

  async #answerMembers({ run: id, question, after }: Extract<FromPlace, { is: "members" }>): Promise<void> {
    const run = this.#runs.get(id);
    try {
      if (!run) throw new Error("the attempt is over");
      this.#out.push({ is: "members", question, page: await run.host.members(after) });
    } catch (error) {
      this.#out.push({ is: "no-members", question, reason: reasonOf(error) });
    }
  }

  #end(how: string): void {
    this.#ended = true;
    clearTimeout(this.#starting);
    const reason = `${this.name} ${this.#reason ?? how}`;
    // A place that ended by itself with one job in it was ended by that job, as far as anybody can tell.
    const byJob = this.#reason === undefined;
    const alone = byJob && this.#runs.size === 1;
    const suspects = byJob && !alone ? [...this.#runs.values()].map(({ work }) => work.jobId) : [];
    for (const run of this.#runs.values()) {
      clearTimeout(run.obey);
      run.unhear();
      if (!run.obey) run.fail(new RunnerDied(reason, { alone }));
    }
    this.#runs.clear();
    const wasReady = this.#readySince === undefined ? undefined : performance.now() - this.#readySince;
    this.#deps.onEnd(reason, wasReady, suspects);
  }
}

function unpack(outcome: PlainOutcome): WorkOutcome {
  if (outcome.is === "failure") return outcome;
  const result: unknown = outcome.json === undefined ? undefined : JSON.parse(outcome.json);
  return { is: "success", result, artifact: outcome.artifact };
}
