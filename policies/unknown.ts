/** Stands for a value that only the deploy will know: a preview cannot judge it, and the deploy does before it makes the resource. */
export const UNKNOWN = Symbol("unknown");

/** Inputs as Pulumi hands them to a policy, in which looking at a value that is not known yet throws, as plain data. */
export function plain(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  const known = (key: string | number): unknown => {
    try {
      return plain((value as Record<string | number, unknown>)[key]);
    } catch {
      return UNKNOWN;
    }
  };
  if (Array.isArray(value)) return Array.from({ length: value.length }, (_, at) => known(at));
  return Object.fromEntries(Object.keys(value).map((key) => [key, known(key)]));
}
