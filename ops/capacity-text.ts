import type { Bound, Capacity, Load } from "../infra/plan/capacity.ts";
import { formatSpan } from "./quantities.ts";
import { table, type Column } from "./table.ts";

/** What `slipway capacity` says for programs. */
export interface CapacitySaid extends Capacity {
  /** Seconds that were looked at; nothing where all was given. */
  readonly measuredSeconds: number | undefined;
  readonly load: readonly Load[];
  /** Kinds that are not counted: nobody knows yet how long they take. */
  readonly unknown: readonly string[];
}

const LOAD: readonly Column<Load>[] = [
  { head: "KIND", cell: ({ kind }) => kind },
  { head: "QUEUE", cell: ({ queue }) => queue },
  { head: "JOBS/S", cell: ({ jobsPerSecond }) => figure(jobsPerSecond), align: "right" },
  { head: "BUSIEST", cell: ({ busiestPerSecond }) => figure(busiestPerSecond), align: "right" },
  { head: "SECONDS", cell: ({ secondsPerJob }) => figure(secondsPerJob), align: "right" },
  {
    head: "AT ONCE",
    cell: ({ busiestPerSecond, secondsPerJob }) => figure(busiestPerSecond * secondsPerJob),
    align: "right",
  },
];

const BOUNDS: readonly Column<Bound>[] = [
  { head: "WHAT", cell: ({ what, unit }) => `${what}, ${unit}` },
  { head: "NEEDED", cell: ({ needed }) => figure(needed), align: "right" },
  { head: "THERE", cell: ({ there }) => figure(there), align: "right" },
  { head: "SET", cell: ({ isEnough, set }) => (isEnough ? "" : set.join(" or ") || "no key: divide the load") },
];

/** `0.0034`, `0.52`, `12`, `9,400`: three figures. */
export function figure(value: number): string {
  if (value >= 100) return Math.round(value).toLocaleString("en-US");
  return String(Number(value.toPrecision(3)));
}

export function capacityText(stack: string, said: CapacitySaid): string {
  const { load, unknown, workers, bounds, measuredSeconds } = said;
  const from =
    measuredSeconds === undefined
      ? "The load is as given"
      : `The load is that of the last ${formatSpan(measuredSeconds)}, and everything is sized for its busiest part`;
  const needs = workers
    .filter(({ neededCopies, copies }) => neededCopies + copies > 0)
    .map(
      ({ name, queues, jobsAtOnce, neededCopies, copies, concurrency }) =>
        `  ${name} (${queues.join(", ")}): ${figure(jobsAtOnce)} jobs at once need ${neededCopies} x ${concurrency}, there are ${copies} x ${concurrency}`,
    );
  return [
    `${stack}: ${verdict(said)}`,
    ...needs,
    "",
    ...(load.length === 0 ? ["No jobs.", ""] : [table(LOAD, load)]),
    table(
      BOUNDS,
      bounds.filter(({ needed, there }) => needed + there > 0),
    ),
    `${from}, with a fifth of everything in reserve.`,
    ...(unknown.length === 0
      ? []
      : [`Not counted, as none has ended yet: ${unknown.join(", ")}. Say it: --seconds ${unknown[0] ?? ""}=2`]),
    "",
  ].join("\n");
}

function verdict({ bounds, isEnough, limitedBy, timesCarried }: CapacitySaid): string {
  if (isEnough && timesCarried === undefined) return "enough, as nothing comes";
  const carried = `carries ${figure(timesCarried ?? 0)} times this load, bound by ${limitedBy ?? "nothing"}`;
  if (isEnough) return `enough; ${carried}`;
  const short = bounds.filter((bound) => !bound.isEnough).map(({ what, unit }) => `${what} (${unit})`);
  return `not enough: ${short.join(", ")}; ${carried}`;
}
