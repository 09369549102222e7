import { keysOf } from "../../policies/checks.ts";
import type { RecordedResource } from "./recorder.ts";

/** Changes of recorded resources that rules must notice. */

/** A type's last part and a logical name: `Instance database`. */
export const key = ({ type, name }: RecordedResource) => `${type.split(":").at(-1) ?? ""} ${name}`;

/** A value with another one at a path; `undefined` takes it away. */
function put(value: unknown, path: readonly (string | number)[], wanted: unknown): unknown {
  const [first, ...rest] = path;
  if (first === undefined) return wanted;
  if (Array.isArray(value)) return value.map((one: unknown, index) => (index === first ? put(one, rest, wanted) : one));
  const fields = { ...(value as Record<string, unknown>) };
  return { ...fields, [first]: put(fields[first], rest, wanted) };
}

export const inputs = (path: string, wanted: unknown) => (resource: RecordedResource) => [
  {
    ...resource,
    inputs: put(resource.inputs, keysOf(path), wanted) as RecordedResource["inputs"],
    sent: put(resource.sent, keysOf(path), wanted) as RecordedResource["sent"],
  },
];

/** One text of a policy is another. */
export const policy = (path: string, from: string, to: string) => (resource: RecordedResource) => {
  const text = String(resource.inputs[path]);
  if (!text.includes(from)) throw new Error(`${key(resource)} does not say ${from}`);
  return inputs(path, text.replaceAll(from, to))(resource);
};

export const parameters = (name: string, value: string) => (resource: RecordedResource) => {
  const all = resource.inputs["parameters"] as readonly { readonly name: string }[];
  return inputs(
    "parameters",
    all.map((one) => (one.name === name ? { ...one, value } : one)),
  )(resource);
};

export const unprotected = (resource: RecordedResource) => [{ ...resource, isProtected: false }];
export const renamed = (name: string) => (resource: RecordedResource) => [{ ...resource, name }];
export const gone = () => [];

export type Change = (resource: RecordedResource) => RecordedResource[];

/** Which resource, what becomes of it, and what is found then. */
export type Mutant = readonly [which: string, change: Change, found: string];

/** The stack with one resource another. */
export function changed(resources: readonly RecordedResource[], which: string, change: Change): RecordedResource[] {
  const found = resources.filter((resource) => key(resource) === which);
  if (found.length !== 1) throw new Error(`${found.length} resources are ${which}, must be one`);
  return resources.flatMap((resource) => (key(resource) === which ? change(resource) : [resource]));
}
