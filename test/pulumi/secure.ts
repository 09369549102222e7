import { at, listAt } from "./kubernetes.ts";
import type { RecordedResource } from "./recorder.ts";

/** How rules of what is secure are written down: `secure-rules.ts` and `secure-policies.ts` have them. */

/** Whether something holds of one resource, among all of its stack. */
export type Holds = (resource: RecordedResource, all: readonly RecordedResource[]) => boolean;

/** What has to hold of every resource of a type, by what it is called when it does not. */
export type Rules = Readonly<Record<string, Readonly<Record<string, Holds>>>>;

/** A rule that does not hold of a resource. */
export interface Weakness {
  readonly type: string;
  readonly name: string;
  readonly what: string;
}

/** What does not hold, in the order of the resources. */
export function weaknesses(resources: readonly RecordedResource[], rules: Rules): Weakness[] {
  return resources.flatMap((resource) =>
    Object.entries(rules[resource.type] ?? {})
      .filter(([, holds]) => !holds(resource, resources))
      .map(([what]) => ({ type: resource.type, name: resource.name, what })),
  );
}

/** Keys of a path such as `vpcConfig.endpointPublicAccess` or `rules.0.status`. */
export function keysOf(path: string): (string | number)[] {
  return path.split(".").map((key) => (/^\d+$/.test(key) ? Number(key) : key));
}

export function input({ inputs }: RecordedResource, path: string): unknown {
  return at(inputs, ...keysOf(path));
}

export const is =
  (path: string, wanted: unknown): Holds =>
  (resource) =>
    input(resource, path) === wanted;

export const atLeast =
  (path: string, least: number): Holds =>
  (resource) =>
    Number(input(resource, path)) >= least;

export const absent =
  (path: string): Holds =>
  (resource) =>
    input(resource, path) === undefined;

export const empty =
  (path: string): Holds =>
  (resource) =>
    JSON.stringify(input(resource, path)) === "[]";

/** Whether it is encrypted with the stack's own key for that purpose. */
export const withKey =
  (path: string, purpose: string): Holds =>
  (resource) =>
    String(input(resource, path)).endsWith(`:key-${purpose}`);

export const includes =
  (path: string, ...wanted: readonly string[]): Holds =>
  ({ inputs }) =>
    wanted.every((one) => listAt(inputs, ...keysOf(path)).includes(one));

/** Whether every member of a list is of a kind: subnets by their tier, for instance. */
export const each =
  (path: string, pattern: RegExp): Holds =>
  ({ inputs }) => {
    const members = listAt(inputs, ...keysOf(path));
    return members.length > 0 && members.every((one) => pattern.test(String(one)));
  };

/** Whether a list of names and values, such as parameters, says so. */
export const parameter =
  (name: string, wanted: string): Holds =>
  ({ inputs }) =>
    listAt(inputs, "parameters").some((one) => at(one, "name") === name && at(one, "value") === wanted);

export const isProtected: Holds = (resource) => resource.isProtected;

export const both =
  (...holds: readonly Holds[]): Holds =>
  (resource, all) =>
    holds.every((one) => one(resource, all));

/**
 * Whether another resource stands beside this one that names it.
 *
 * @param link input of the other that has this one's name or ARN
 */
export const beside =
  (type: string, link: string, holds: Holds = () => true): Holds =>
  ({ name }, all) =>
    all.some((other) => other.type === type && nameIn(input(other, link)) === name && holds(other, all));

/** The logical name in what the mocks make up for names, ids and ARNs. */
function nameIn(value: unknown): string | undefined {
  const made = String(value).split(/[:/]/).at(-1);
  return made?.replace(/-(made|id)$/, "");
}
