import { z } from "zod";
import { parseJson } from "../../configs/json.ts";
import { CANARY_LIMITS } from "./canary.ts";
import { isMore, percent } from "./canary-figures.ts";

/** What workers of one release came to with attempts of jobs. */
export class JobFigures {
  attempts = 0;
  failed = 0;

  add(outcome: "succeeded" | "failed"): void {
    this.attempts += 1;
    if (outcome === "failed") this.failed += 1;
  }

  /** `120 attempts of jobs, 3 failed (2.5 %)` */
  toString(): string {
    return `${this.attempts} attempts of jobs, ${this.failed} failed (${percent(this.failed, this.attempts)})`;
  }
}

/**
 * In what workers of a release do worse; nothing where they do not, or the difference may be an accident. Both take jobs of the same queues, so that a job
 * which fails wherever it runs is an argument against neither. Where one of them has ended no attempt there is nothing to compare.
 */
export function worseJobs(release: JobFigures, before: JobFigures): string | undefined {
  const { atLeast, points } = CANARY_LIMITS.jobs;
  if (release.attempts === 0 || before.attempts === 0 || release.failed < atLeast) return undefined;
  const [own, other] = [release, before].map(({ attempts, failed }) => ({ hits: failed, of: attempts }));
  if (own === undefined || other === undefined || !isMore(own, other, points)) return undefined;
  return (
    `${release.failed} of ${release.attempts} attempts of jobs by the new release failed (${percent(own.hits, own.of)}), ` +
    `${before.failed} of ${before.attempts} by the one before (${percent(other.hits, other.of)})`
  );
}

/** What workers of both releases come to, told by their logs. */
export class JobTally {
  readonly #figures = { release: new JobFigures(), before: new JobFigures() };

  /** Takes a line of a worker's log. */
  take(side: "release" | "before", line: string): void {
    const outcome = readAttempt(line);
    if (outcome !== undefined) this.#figures[side].add(outcome);
  }

  /** In what the new one is worse; nothing where it is not. */
  get worse(): string | undefined {
    return worseJobs(this.#figures.release, this.#figures.before);
  }

  toString(): string {
    return `the new release: ${String(this.#figures.release)}; the one before: ${String(this.#figures.before)}`;
  }
}

/** A line of a worker's log, as worker/run-attempt.ts writes it. */
const attemptSchema = z.object({ attempt: z.int(), msg: z.string(), code: z.string().optional() });

/**
 * How an attempt ended; nothing where the line is of something else, or says nothing of the worker: a job that was cancelled or handed back, and one
 * whose kind only the other release has.
 */
export function readAttempt(line: string): "succeeded" | "failed" | undefined {
  const { data } = attemptSchema.safeParse(parseJson(line));
  if (data === undefined || data.code === "unknown-kind") return undefined;
  if (data.msg === "job succeeded") return "succeeded";
  return /^attempt \d+ (failed|was lost)/.test(data.msg) ? "failed" : undefined;
}
