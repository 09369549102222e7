/** Paths of properties as Pulumi writes them: `spec.containers[0].env`, `labels["app.kubernetes.io/name"]`. */

type Step = string | number;

const STEP = /\.?([^.[\]"]+)|\[(\d+)\]|\["((?:[^"\\]|\\.)*)"\]/gy;

/** The steps of a path; a text that is none is a step of its own. */
export function pathSteps(path: string): readonly Step[] {
  const found = [...path.matchAll(STEP)];
  if (found.map(([text]) => text).join("") !== path) return [path];
  return found.map(([, name, index, quoted]) =>
    index === undefined ? (name ?? String(JSON.parse(`"${quoted ?? ""}"`))) : Number(index),
  );
}

/** The steps as a path. */
export function writePath(steps: readonly Step[]): string {
  return steps
    .map((step, at) => {
      if (typeof step === "number") return `[${step}]`;
      if (!/^[\w-]+$/.test(step)) return `[${JSON.stringify(step)}]`;
      return at === 0 ? step : `.${step}`;
    })
    .join("");
}

/** What stands there; `undefined` where nothing does. */
export function valueAt(value: unknown, path: string): unknown {
  return pathSteps(path).reduce<unknown>(
    (inner, step) =>
      typeof inner === "object" && inner !== null && Object.hasOwn(inner, step)
        ? (inner as Readonly<Record<Step, unknown>>)[step]
        : undefined,
    value,
  );
}

/** Where two values differ, as deep as both have something. */
export function differences(before: unknown, after: unknown, steps: readonly Step[] = []): readonly string[] {
  if (Object.is(before, after)) return [];
  if (!isTree(before) || !isTree(after) || isSealed(before) || isSealed(after) || isList(before) !== isList(after))
    return JSON.stringify(before) === JSON.stringify(after) ? [] : [writePath(steps)];
  const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])];
  return keys.flatMap((key) => differences(before[key], after[key], [...steps, isList(before) ? Number(key) : key]));
}

function isTree(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}

function isList(value: unknown): boolean {
  return Array.isArray(value);
}

/** Key by which Pulumi marks what is not a plain value, and what stands there for a secret. */
export const SIGNATURE = "4dabf18193072939515e22adb298388d";
export const SECRET = "1b47061264138c4ac30d75fd1eb44270";

/** Whether it is an envelope with a secret in it. */
export function isSealed(value: unknown): boolean {
  return isTree(value) && value[SIGNATURE] === SECRET;
}
