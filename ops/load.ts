import { EXIT } from "../backup/protocol.ts";
import type { Load } from "../infra/plan/capacity.ts";
import { PARTS, type Rate } from "../jobs/rates.ts";
import { UserError } from "../toolchain/command.ts";

/** What `--jobs` and `--seconds` say, by kind or queue. */
export interface Given {
  /** Jobs a second. */
  readonly jobs: ReadonlyMap<string, number>;
  readonly seconds: ReadonlyMap<string, number>;
  /** What measured rates are multiplied by. */
  readonly times: number;
}

/** A load, and kinds of which nobody knows how long they take. */
export interface WholeLoad {
  readonly load: readonly Load[];
  readonly unknown: readonly string[];
}

/** Seconds of what a rate may be by. A month is a twelfth of a year. */
const PER = { s: 1, min: 60, h: 3600, day: 86_400, month: 2_628_000 } as const satisfies Record<string, number>;

/** `speech=3`, `speech=2000000/month`: jobs a second by name. */
export function readJobs(texts: readonly string[]): ReadonlyMap<string, number> {
  const allowed = `a kind or queue and how many come, such as speech=3/s; behind the / ${Object.keys(PER).join(", ")}`;
  return byName("--jobs", texts, allowed, (text) => {
    const [, count, per = "s"] = /^(\d{1,12}(?:\.\d{1,6})?)(?:\/([a-z]+))?$/.exec(text) ?? [];
    return Number(count) / (Object.hasOwn(PER, per) ? PER[per as keyof typeof PER] : Number.NaN);
  });
}

/** `speech=2.5`: seconds by name. */
export function readSeconds(texts: readonly string[]): ReadonlyMap<string, number> {
  return byName("--seconds", texts, "a kind or queue and the seconds that one takes, such as speech=2.5", number);
}

export function readTimes(text: string): number {
  const times = number(text);
  if (times > 0) return times;
  throw new UserError(`--times is ${JSON.stringify(text)}, must be a number above 0, such as 2.`, EXIT.usage);
}

const number = (text: string) => (/^\d{1,9}(\.\d{1,6})?$/.test(text) ? Number(text) : Number.NaN);

function byName(
  option: string,
  texts: readonly string[],
  allowed: string,
  read: (text: string) => number,
): ReadonlyMap<string, number> {
  return new Map(
    texts.map((text) => {
      const [name = "", value = ""] = text.split("=");
      const is = read(value);
      if (name !== "" && is > 0) return [name, is];
      throw new UserError(`${option} is ${JSON.stringify(text)}, must be ${allowed}.`, EXIT.usage);
    }),
  );
}

/**
 * What was measured, with what is given in its place: a rate or a duration of a kind, or a kind that has not run yet.
 *
 * @param measured     by `readRates`, in so many seconds
 * @param queueOf      queue of a kind, or the queue itself; nothing where there is no such name
 * @throws UserError where a name is none, or how long a job takes is neither measured nor given
 */
export function wholeLoad(
  measured: readonly Rate[],
  sinceSeconds: number,
  given: Given,
  queueOf: (name: string) => string | undefined,
): WholeLoad {
  const rows = measured.map((rate) => ofRate(rate, sinceSeconds, given));
  const isMeasured = (name: string) => measured.some(({ kind }) => kind === name);
  const more = [...new Set([...given.jobs.keys(), ...given.seconds.keys()])]
    .filter((name) => !isMeasured(name))
    .map((name) => ofGiven(name, given, queueOf));
  const all = [...rows, ...more];
  return {
    load: all.filter(({ secondsPerJob }) => secondsPerJob !== undefined) as readonly Load[],
    unknown: all.filter(({ secondsPerJob }) => secondsPerJob === undefined).map(({ kind }) => kind),
  };
}

/** As many as came in so many seconds, all month; nothing where nothing came. */
export function jobsPerMonth(measured: readonly Rate[], sinceSeconds: number): number | undefined {
  const jobs = measured.reduce((sum, rate) => sum + rate.jobs, 0);
  return jobs === 0 ? undefined : Math.round((jobs / sinceSeconds) * PER.month);
}

type Row = Omit<Load, "secondsPerJob"> & { readonly secondsPerJob: number | undefined };

function ofRate({ kind, queue, jobs, busiest, attempts, seconds }: Rate, since: number, given: Given): Row {
  const rate = given.jobs.get(kind);
  const measured = seconds === null ? undefined : seconds * attempts;
  return {
    ...{ kind, queue, secondsPerJob: given.seconds.get(kind) ?? measured },
    jobsPerSecond: rate ?? (jobs / since) * given.times,
    busiestPerSecond: rate ?? (busiest / (since / PARTS)) * given.times,
  };
}

function ofGiven(name: string, given: Given, queueOf: (name: string) => string | undefined): Row {
  const [rate, secondsPerJob, queue] = [given.jobs.get(name), given.seconds.get(name), queueOf(name)];
  if (queue === undefined)
    throw new UserError(
      `${JSON.stringify(name)} is no kind of job and no queue. Kinds: jobs/kinds; queues: docs/kinds.md.`,
      EXIT.usage,
    );
  if (rate === undefined || secondsPerJob === undefined)
    throw new UserError(
      `${name} was not measured, and so it needs both: --jobs ${name}=3/s --seconds ${name}=2.`,
      EXIT.usage,
    );
  return { kind: name, queue, jobsPerSecond: rate, busiestPerSecond: rate, secondsPerJob };
}
