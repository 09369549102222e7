/** How Pulumi's engine writes values: plain JSON, in which secrets and values that are not known yet are marked. */

export type Json = null | boolean | number | string | readonly Json[] | JsonObject;
export interface JsonObject {
  readonly [key: string]: Json | undefined;
}

/** Steps from the root of a value to a part of it. */
export type Path = readonly (string | number)[];

/** What the engine sends for a value that is not known in a preview. */
export const UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";

const SIGNATURE = "4dabf18193072939515e22adb298388d";
const SECRET = "1b47061264138c4ac30d75fd1eb44270";
const OUTPUT = "d0e6a833031e9bbcd3f4e8bde6ca49a4";

/** A value without its marks, and what they said. */
export interface Decoded {
  readonly value: JsonObject;
  /** Parts that are secret. */
  readonly secrets: readonly Path[];
  /** Parts that are not known yet; {@link UNKNOWN} stands in their place. */
  readonly unknowns: readonly Path[];
}

/** @param marked an object of the engine's, as JSON */
export function decode(marked: unknown): Decoded {
  const secrets: Path[] = [];
  const unknowns: Path[] = [];
  const value = strip(marked, [], secrets, unknowns);
  return { value: isObject(value) ? value : {}, secrets, unknowns };
}

function strip(value: unknown, path: Path, secrets: Path[], unknowns: Path[]): Json {
  if (value === UNKNOWN) unknowns.push(path);
  if (typeof value === "string" || typeof value === "number" || typeof value === "boolean") return value;
  if (Array.isArray(value)) return value.map((item, index) => strip(item, [...path, index], secrets, unknowns));
  if (!isRecord(value)) return null;
  switch (value[SIGNATURE]) {
    case undefined:
      return Object.fromEntries(
        Object.entries(value).map(([key, item]) => [key, strip(item, [...path, key], secrets, unknowns)]),
      );
    case SECRET:
      secrets.push(path);
      return strip(value["value"], path, secrets, unknowns);
    case OUTPUT:
      if (value["secret"] === true) secrets.push(path);
      return strip("value" in value ? value["value"] : UNKNOWN, path, secrets, unknowns);
    default:
      throw new Error(
        `${pathText(path)} is an asset, an archive or a reference to a resource; Kubernetes takes plain values.`,
      );
  }
}

/** Marks parts of a value as secret again; those that it does not have are passed over. */
export function encode(value: JsonObject, secrets: readonly Path[]): JsonObject {
  let marked: Json = value;
  // The deepest first: what is around it is wrapped with its mark in it.
  for (const path of [...secrets].sort((a, b) => b.length - a.length)) marked = mark(marked, path);
  return isObject(marked) ? marked : {};
}

function mark(value: Json, path: Path): Json {
  const [step, ...rest] = path;
  if (step === undefined) return isMarked(value) ? value : { [SIGNATURE]: SECRET, value };
  if (isArray(value)) return value.map((item, index) => (index === step ? mark(item, rest) : item));
  if (!isObject(value) || !(step in value)) return value;
  const inner = value[step];
  return inner === undefined ? value : { ...value, [step]: mark(inner, rest) };
}

function isMarked(value: Json): boolean {
  return isObject(value) && value[SIGNATURE] === SECRET;
}

export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !isArray(value);
}

export function isArray(value: Json | undefined): value is readonly Json[] {
  return Array.isArray(value);
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A part of a value, if it has it. */
export function at(value: Json | undefined, path: Path): Json | undefined {
  return path.reduce<Json | undefined>((inner, step) => {
    if (isArray(inner)) return typeof step === "number" ? inner[step] : undefined;
    return isObject(inner) ? inner[step] : undefined;
  }, value);
}

/** A text in a value; nothing where there is none. */
export function textAt(value: Json | undefined, ...path: Path): string | undefined {
  const found = at(value, path);
  return typeof found === "string" ? found : undefined;
}

/** A number in a value. @default 0 */
export function numberAt(value: Json | undefined, ...path: Path): number {
  const found = at(value, path);
  return typeof found === "number" ? found : 0;
}

/** The objects of a list in a value; none where there is no list. */
export function objectsAt(value: Json | undefined, ...path: Path): readonly JsonObject[] {
  const found = at(value, path);
  return isArray(found) ? found.filter(isObject) : [];
}

/** A path as Pulumi writes it: `spec.ports[0].name`, `metadata.annotations["a.b/c"]`. */
export function pathText(path: Path): string {
  return path
    .map((step, index) => {
      if (typeof step === "number") return `[${step}]`;
      if (!/^[A-Za-z_$][\w$]*$/.test(step)) return `[${JSON.stringify(step)}]`;
      return index === 0 ? step : `.${step}`;
    })
    .join("");
}

/** Whether two values say the same; what is null or absent counts as equal. */
export function equal(a: Json | undefined, b: Json | undefined): boolean {
  if (isArray(a) && isArray(b)) return a.length === b.length && a.every((item, index) => equal(item, b[index]));
  if (isObject(a) && isObject(b))
    return [...new Set([...Object.keys(a), ...Object.keys(b)])].every((key) => equal(a[key], b[key]));
  return (a ?? null) === (b ?? null);
}

/** An object without some of its parts. */
export function without(object: JsonObject, paths: readonly Path[]): JsonObject {
  return paths.reduce<JsonObject>((rest, path) => {
    const [step, ...more] = path;
    if (typeof step !== "string" || !(step in rest)) return rest;
    const inner = rest[step];
    if (more.length > 0) return isObject(inner) ? { ...rest, [step]: without(inner, [more]) } : rest;
    return Object.fromEntries(Object.entries(rest).filter(([key]) => key !== step));
  }, object);
}
