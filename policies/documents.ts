import { at, input, listAt } from "./checks.ts";
import type { Checked, Holds } from "./rule.ts";
import { UNKNOWN } from "./unknown.ts";

/** Policies of IAM, as the JSON that stands in an input. */

export type Statement = Readonly<Record<string, unknown>>;

/** Whether the document is known already. */
const isKnown = (resource: Checked, path: string) => input(resource, path) !== UNKNOWN;

/** Statements of the document at a path. */
export function statements(resource: Checked, path: string): readonly Statement[] {
  const text = input(resource, path);
  if (typeof text !== "string") return [];
  return listAt(JSON.parse(text) as unknown, "Statement") as readonly Statement[];
}

export const texts = (value: unknown): string[] => [value].flat().filter((one) => typeof one === "string");

/** Whether each statement that allows something is so. */
export function allowsOnly(path: string, holds: (statement: Statement) => boolean): Holds {
  return (resource) => {
    const all = statements(resource, path);
    return !isKnown(resource, path) || (all.length > 0 && all.filter(({ Effect }) => Effect === "Allow").every(holds));
  };
}

/** Whether one of the statements is so. */
export function someStatement(path: string, holds: (statement: Statement) => boolean): Holds {
  return (resource) => !isKnown(resource, path) || statements(resource, path).some(holds);
}

export const isAnybody = ({ Principal }: Statement) => [Principal, at(Principal, "AWS")].some((one) => one === "*");

export const equals = (statement: Statement, key: string) => at(statement, "Condition", "StringEquals", key);
