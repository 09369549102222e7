import type { RepositorySet } from "./repository-info.ts";
import { parseLsn, parseSegment, type Branch } from "./wal-segments.ts";

/** What a restore is to reach. */
export type Target =
  | { readonly is: "latest" }
  | { readonly is: "label"; readonly label: string }
  /** In microseconds of its text; `time` has milliseconds. */
  | { readonly is: "time"; readonly time: Date; readonly text: string };

const LABEL = /^\d{8}-\d{6}F(_\d{8}-\d{6}[DI])?$/;
const TIME =
  /^(?<day>\d{4}-\d\d-\d\d)[T ](?<clock>\d\d:\d\d(:\d\d(?<fraction>\.\d{1,6})?)?)\s?(?<zone>Z|[+-]\d\d:?\d\d)?$/;

export const TARGETS = "latest, a backup's label, or a time such as 2026-11-29T14:30:00Z";

/** A command line or an environment that is not as documented. */
export class UsageFault extends Error {
  override readonly name = "UsageFault";
}

/**
 * Reads `--to`. A time without a zone is in UTC.
 *
 * @throws UsageFault
 */
export function parseTarget(to: string): Target {
  if (to === "latest") return { is: "latest" };
  if (LABEL.test(to)) return { is: "label", label: to };
  const groups = TIME.exec(to)?.groups;
  const time = new Date(groups ? `${groups["day"]}T${groups["clock"]}${zoneOf(groups["zone"])}` : Number.NaN);
  if (Number.isNaN(time.getTime())) throw new UsageFault(`--to: got ${JSON.stringify(to)}; allowed: ${TARGETS}`);
  const fraction = groups?.["fraction"] ?? "";
  const text = `${time.toISOString().slice(0, 19).replace("T", " ")}${fraction}+00`;
  return { is: "time", time, text };
}

function zoneOf(zone: string | undefined): string {
  if (zone === undefined || zone === "Z") return "Z";
  return zone.includes(":") ? zone : `${zone.slice(0, 3)}:${zone.slice(3)}`;
}

/** WAL that reached the archive. */
export interface Arrival {
  readonly timeline: number;
  /** To the second. */
  readonly at: Date;
}

/** What there is to restore from. */
export interface Stock {
  readonly sets: readonly RepositorySet[];
  /** The oldest first. */
  readonly arrivals: readonly Arrival[];
  /** All but the first, which began with the cluster. */
  readonly timelines: readonly Branch[];
}

/** Where a restore begins, and along which timeline it goes. */
export interface Route {
  readonly set: RepositorySet;
  /** None: the one of the backup. */
  readonly timeline: number | undefined;
}

/** A backup ends within its second: only what comes after that is a state that it can be brought to. */
const WITHIN_SECOND_MS = 1000;

/**
 * Chooses the backup and the timeline for a target.
 *
 * The database of a moment is on the timeline that served then: after a restore, that is not the one with the highest number for moments
 * before it. And only a backup that lies before the point where the timeline left its parent leads to it.
 *
 * @throws Error saying what can be reached
 */
export function findRoute(target: Target, stock: Stock): Route {
  if (stock.sets.length === 0)
    throw new Error("restore: there is no backup in the repository; make one with `slipway backup`");
  if (target.is === "label") {
    const set = stock.sets.find(({ label }) => label === target.label);
    if (!set) throw new Error(`restore: there is no backup ${target.label}; there are ${listed(stock.sets)}`);
    return { set, timeline: undefined };
  }
  const moment = target.is === "latest" ? Infinity : target.time.getTime();
  const timeline = servingAt(moment, stock.arrivals);
  const set = stock.sets
    .filter(({ endedAt }) => endedAt.getTime() + WITHIN_SECOND_MS <= moment)
    .filter((candidate) => leadsTo(candidate, timeline, stock.timelines))
    .at(-1);
  if (!set) {
    const oldest = stock.sets[0]?.endedAt.toISOString() ?? "";
    throw new Error(
      `restore: no backup leads to ${target.is === "latest" ? "the newest state" : target.text}; the oldest one ended at ${oldest}. Choose a later moment, or one of ${listed(stock.sets)}`,
    );
  }
  return { set, timeline };
}

/**
 * The timeline that served at a moment: the one of the first WAL that arrived after it, as that holds the moment. Not the one that was made last: whoever
 * goes back to the volume before a restore goes on with the timeline of before.
 */
function servingAt(moment: number, arrivals: readonly Arrival[]): number {
  const holding = arrivals.find(({ at }) => at.getTime() + WITHIN_SECOND_MS > moment) ?? arrivals.at(-1);
  return holding?.timeline ?? 1;
}

function leadsTo(set: RepositorySet, timeline: number, timelines: readonly Branch[]): boolean {
  const own = parseSegment(set.walStop)?.timeline;
  if (own === undefined) return false;
  let current = timeline;
  let limit: bigint | undefined;
  while (current !== own) {
    const branch = timelines.find((candidate) => candidate.timeline === current);
    if (!branch) return false;
    limit = branch.position;
    current = branch.parent;
  }
  return limit === undefined || parseLsn(set.lsnStop) <= limit;
}

function listed(sets: readonly RepositorySet[]): string {
  return sets
    .slice(-5)
    .map(({ label }) => label)
    .join(", ");
}
