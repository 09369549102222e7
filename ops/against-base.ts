import {
  changeOf,
  changesOf,
  propertyChange,
  sorted,
  type Changes,
  type PropertyChange,
  type ResourceChange,
} from "./changes.ts";
import type { EngineEvent } from "./engine-events.ts";
import { differences } from "./property-paths.ts";

/** What a checkout changes beside another one: both were previewed over the same state. */
export interface AgainstBase extends Changes {
  /** Changes that are the same with both: not deployed yet, or caused by placeholders. They are not among `changes`. */
  readonly alike: number;
}

/**
 * Takes away what the base would change just so.
 *
 * @param isNew whether there was no state: then both make everything anew, and what they ask for is compared
 */
export function againstBase(head: readonly EngineEvent[], base: readonly EngineEvent[], isNew: boolean): AgainstBase {
  const [ours, theirs] = [changesOf(head), changesOf(base)];
  const [wanted, before] = [goalsOf(head), goalsOf(base)];
  const there = new Map(theirs.changes.map((change) => [change.urn, change]));
  const kept = ours.changes.flatMap((change): ResourceChange[] => {
    const other = there.get(change.urn);
    if (other?.op !== change.op) return [change];
    const properties =
      change.op === "create"
        ? between(before.get(change.urn), wanted.get(change.urn))
        : change.properties.filter((property) => !other.properties.some((one) => isSame(one, property)));
    if (properties.length === 0) return [];
    return [{ ...change, op: change.op === "create" ? "update" : change.op, properties }];
  });
  const gone = isNew ? theirs.changes.filter(({ urn }) => !ours.changes.some((change) => change.urn === urn)) : [];
  const deleted = gone.map(({ urn, type }) => changeOf("delete", { op: "delete", urn, type }, "preview"));
  return {
    ...ours,
    changes: sorted([...kept, ...deleted]),
    alike: ours.changes.length - kept.length,
  };
}

function goalsOf(events: readonly EngineEvent[]): ReadonlyMap<string, unknown> {
  return new Map(
    events.flatMap(({ resourcePreEvent }) => {
      const step = resourcePreEvent?.metadata;
      return step === undefined ? [] : [[step.urn, step.new?.inputs] as const];
    }),
  );
}

function between(before: unknown, after: unknown): readonly PropertyChange[] {
  return differences(before, after).map((path) => propertyChange(path, [before, after]));
}

function isSame(a: PropertyChange, b: PropertyChange): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
