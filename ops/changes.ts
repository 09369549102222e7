import { dataChanges } from "../infra/plan/data-changes.ts";
import { nameOf } from "../infra/plan/urn.ts";
import type { EngineEvent, PolicyResult, StepMetadata } from "./engine-events.ts";
import { differences, isSealed, pathSteps, valueAt } from "./property-paths.ts";

/** What would be done to a resource. */
export const OPS = ["delete", "replace", "update", "create"] as const;
export type Op = (typeof OPS)[number];

/** Steps of the engine, as people know them: a replacement is up to three. */
const STEPS: Readonly<Record<string, Op>> = {
  create: "create",
  import: "create",
  update: "update",
  delete: "delete",
  replace: "replace",
  "create-replacement": "replace",
  "delete-replaced": "replace",
};

/** A property that differs. Values are short texts, and only such as are no secret. */
export interface PropertyChange {
  readonly path: string;
  /** Whether the resource is replaced for it. */
  readonly replaces: boolean;
  /** Absent where there was none, or it is too long to be shown. */
  readonly before?: string;
  readonly after?: string;
}

export interface ResourceChange {
  readonly op: Op;
  readonly type: string;
  readonly name: string;
  readonly urn: string;
  /** Whether data is lost by it. */
  readonly losesData: boolean;
  readonly properties: readonly PropertyChange[];
}

/** What a preview of one stack says. */
export interface Changes {
  /** What loses data first, then by what is done. */
  readonly changes: readonly ResourceChange[];
  /** Resources that stay as they are. */
  readonly unchanged: number;
  readonly policies: readonly PolicyResult[];
}

/** Which events tell of a run: a preview says what it would do beforehand, a refresh what it has found afterwards. */
export type Run = "preview" | "refresh";

/** What the engine's events say, without resources that only group others. */
export function changesOf(events: readonly EngineEvent[], run: Run = "preview"): Changes {
  const steps = events.flatMap(({ resourcePreEvent, resOutputsEvent }) => {
    const metadata = (run === "preview" ? resourcePreEvent : resOutputsEvent)?.metadata;
    return metadata === undefined || !isReal(metadata) ? [] : [metadata];
  });
  const found = new Map<string, ResourceChange>();
  for (const step of steps) {
    const op = Object.hasOwn(STEPS, step.op) ? STEPS[step.op] : undefined;
    // The step that makes the new one comes first, and has both.
    if (op !== undefined && !found.has(step.urn)) found.set(step.urn, changeOf(op, step, run));
  }
  return {
    changes: sorted([...found.values()]),
    unchanged: steps.filter(({ op, urn }) => op === "same" && !found.has(urn)).length,
    policies: events.flatMap(({ policyEvent }) => policyEvent ?? []),
  };
}

/** A component, the stack itself or a plugin that Pulumi picks by itself is nothing that anybody has to pay or wait for. */
function isReal({ type, urn, ...step }: StepMetadata): boolean {
  const isPlugin = type.startsWith("pulumi:providers:") && /^default(_|$)/.test(nameOf(urn));
  return type !== "pulumi:pulumi:Stack" && !isPlugin && (step.new ?? step.old)?.custom === true;
}

/** What one step does. */
export function changeOf(op: Op, step: StepMetadata, run: Run): ResourceChange {
  const { urn, type } = step;
  const name = nameOf(urn);
  const hasBoth = op === "update" || op === "replace";
  return {
    ...{ op, type, name, urn },
    losesData: dataChanges([{ op, urn }]).length > 0,
    properties: hasBoth ? propertiesOf(step, run) : [],
  };
}

/** What loses data first, then by what is done. */
export function sorted(changes: readonly ResourceChange[]): readonly ResourceChange[] {
  return [...changes].sort(byWeight);
}

function byWeight(a: ResourceChange, b: ResourceChange): number {
  return (
    Number(b.losesData) - Number(a.losesData) ||
    OPS.indexOf(a.op) - OPS.indexOf(b.op) ||
    (a.type < b.type ? -1 : a.type > b.type ? 1 : 0) ||
    (a.name < b.name ? -1 : 1)
  );
}

function propertiesOf(step: StepMetadata, run: Run): readonly PropertyChange[] {
  const part = run === "preview" ? "inputs" : "outputs";
  const [before, after] = [step.old?.[part], step.new?.[part]];
  const replaced = new Set((step.keys ?? []).map((key) => pathSteps(key)[0]));
  return pathsOf(step, before, after).map((path) => {
    const replaces =
      replaced.has(pathSteps(path)[0]) || (step.detailedDiff?.[path]?.diffKind.endsWith("-replace") ?? false);
    return propertyChange(path, [before, after], replaces);
  });
}

/** A property of a resource as it is and as it would be. */
export function propertyChange(
  path: string,
  [before, after]: readonly [before: unknown, after: unknown],
  replaces = false,
): PropertyChange {
  return { path, replaces, ...shown("before", valueAt(before, path)), ...shown("after", valueAt(after, path)) };
}

/** As deep as the provider tells; what it names only by the head is looked for below. A secret that changed is told by its path alone. */
function pathsOf({ detailedDiff, diffs, keys }: StepMetadata, before: unknown, after: unknown): readonly string[] {
  const told = Object.keys(detailedDiff ?? {});
  const heads = [...new Set([...(diffs ?? []), ...(keys ?? [])])];
  const named = told.length > 0 ? told : heads;
  const paths = named.flatMap((path) => {
    const below = differences(valueAt(before, path), valueAt(after, path), pathSteps(path));
    return below.length > 0 ? below : [path];
  });
  const own = paths.filter((path) => !path.startsWith("__"));
  return [...new Set(own)].sort();
}

/** Characters of a value that are shown. */
const SHOWN = 80;

/** What the engine puts in the place of a value that is not known before it is done. */
const UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";

function shown<K extends "before" | "after">(key: K, value: unknown): Partial<Record<K, string>> {
  const text = textOf(value);
  return text === undefined ? {} : ({ [key]: text } as Partial<Record<K, string>>);
}

function textOf(value: unknown): string | undefined {
  if (isSealed(value)) return "[secret]";
  if (value === UNKNOWN) return "known afterwards";
  if (typeof value === "string") return value.length > SHOWN ? undefined : JSON.stringify(value);
  return typeof value === "number" || typeof value === "boolean" ? String(value) : undefined;
}

/** How many there are of each. */
export function countsOf({ changes }: Pick<Changes, "changes">): Readonly<Record<Op, number>> {
  const counts = { delete: 0, replace: 0, update: 0, create: 0 };
  for (const { op } of changes) counts[op]++;
  return counts;
}
