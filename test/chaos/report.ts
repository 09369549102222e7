import { allCrashPoints } from "./faults/crashes.ts";
import { FAILINGS } from "./oracle.ts";
import type { Times } from "./recovery.ts";
import type { ChaosResult } from "./run.ts";

/** Whether nothing was lost, doubled or wrong. */
export function isSound({ verdict }: ChaosResult): boolean {
  return FAILINGS.every((failing) => verdict.counts[failing] === 0);
}

/** One table for people. */
export function formatReport(result: ChaosResult): string {
  const { verdict, recovery, events, options } = result;
  const counts = Map.groupBy(events.done, ({ fault }) => fault.name);
  const names = [...new Set([...counts.keys(), ...events.missed.keys()])].sort();
  const rows = names.map((name) => {
    const times = recovery.faults.get(name);
    const [count, missed] = [counts.get(name)?.length ?? 0, events.missed.get(name) ?? 0];
    return `${name.padEnd(28)}${pad(count)}${pad(missed)}${pad(times?.p50 ?? "")}${pad(times?.p99 ?? "")}`;
  });
  return [
    `${"fault".padEnd(28)}${pad("done")}${pad("missed")}${pad("p50 ms")}${pad("p99 ms")}   to the next job that finishes`,
    ...rows,
    "",
    `seed ${options.seed}${options.mutant === undefined ? "" : `, mutant ${options.mutant}`}, ${result.seconds} s`,
    `faults ${events.done.length}, jobs accepted ${result.accepted}, in Postgres ${verdict.jobs}, effects ${verdict.effects}`,
    FAILINGS.map((failing) => `${failing} ${verdict.counts[failing]}`).join(", "),
    `jobs of workers that were hit, until their next attempt: ${formatTimes(recovery.restarts)}; across an outage: ${formatTimes(recovery.restartsAcrossOutages)}`,
    `slowest job ${verdict.slowestSeconds} s (attempts: ${verdict.slowestStory}); died at ${events.diedAt.size} of ${allCrashPoints().length} crash points`,
    `answers: ${[...result.answers].map(([answer, count]) => `${answer} ${count}`).join(", ")}`,
    ...result.crashes,
    ...verdict.examples,
  ].join("\n");
}

/** The same for programs. */
export function toJson(result: ChaosResult): Record<string, unknown> {
  const { verdict, recovery, events, options } = result;
  return {
    ...{ seed: options.seed, only: options.only, mutant: options.mutant, minutes: options.minutes, long: options.long },
    date: new Date().toISOString(),
    seconds: result.seconds,
    faults: events.done.length,
    accepted: result.accepted,
    ...verdict,
    answers: Object.fromEntries(result.answers),
    faultsByName: Object.fromEntries(
      [...Map.groupBy(events.done, ({ fault }) => fault.name)].map(([name, list]) => [name, list.length]),
    ),
    missed: Object.fromEntries(events.missed),
    recovery: Object.fromEntries(recovery.faults),
    restarts: recovery.restarts,
    restartsAcrossOutages: recovery.restartsAcrossOutages,
    diedAt: [...events.diedAt].sort(),
    neverDiedAt: allCrashPoints().filter((point) => !events.diedAt.has(point)),
    crashes: result.crashes,
  };
}

function formatTimes({ count, p50, p99 }: Times): string {
  return count === 0 ? "none" : `${count}, p50 ${(p50 / 1000).toFixed(1)} s, p99 ${(p99 / 1000).toFixed(1)} s`;
}

function pad(value: string | number): string {
  return String(value).padStart(9);
}
