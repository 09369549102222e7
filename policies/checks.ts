import type { Checked, Holds } from "./rule.ts";
import { UNKNOWN } from "./unknown.ts";

/** How rules are written down. What is not known yet is let pass: the deploy knows it, and looks again. */

type Key = string | number;

/** What stands at a path; `undefined` where nothing does. */
export function at(value: unknown, ...path: readonly Key[]): unknown {
  return path.reduce<unknown>(
    (inner, key) =>
      inner === UNKNOWN
        ? UNKNOWN
        : typeof inner === "object" && inner !== null
          ? (inner as Record<Key, unknown>)[key]
          : undefined,
    value,
  );
}

/** The same, as a list. */
export function listAt(value: unknown, ...path: readonly Key[]): readonly unknown[] {
  const found = at(value, ...path);
  return Array.isArray(found) ? found : [];
}

/** Keys of a path such as `vpcConfig.endpointPublicAccess` or `rules.0.status`. */
export function keysOf(path: string): Key[] {
  return path.split(".").map((key) => (/^\d+$/.test(key) ? Number(key) : key));
}

export function input({ inputs }: Checked, path: string): unknown {
  return at(inputs, ...keysOf(path));
}

/** Whether a list at a path has members, or may have. */
function members(resource: Checked, path: string): readonly unknown[] {
  return listAt(resource.inputs, ...keysOf(path));
}

/** Something about the value at a path. */
export function value(path: string, wanted: string, isGood: (found: unknown) => boolean): Holds {
  const holds = (resource: Checked) => {
    const found = input(resource, path);
    return found === UNKNOWN || isGood(found);
  };
  return Object.assign(holds, { asks: { path, wanted } });
}

export const is = (path: string, wanted: unknown): Holds => oneOf(path, wanted);

export function oneOf(path: string, ...wanted: readonly unknown[]): Holds {
  const words = wanted.map((one) => (one === undefined ? "left out" : JSON.stringify(one)));
  const holds = (resource: Checked) => [...wanted, UNKNOWN].includes(input(resource, path));
  return Object.assign(holds, { asks: { path, wanted: words.join(" or "), isChoice: true } });
}

export const atLeast = (path: string, least: number): Holds =>
  value(path, `at least ${least}`, (found) => Number(found) >= least);

export const absent = (path: string): Holds => value(path, "left out", (found) => found === undefined);

/** Whether a text stands there. */
export const given = (path: string): Holds =>
  value(path, "given", (found) => typeof found === "string" && found !== "");

export const empty = (path: string): Holds =>
  value(path, "empty", (found) => Array.isArray(found) && found.length === 0);

export const includes = (path: string, ...wanted: readonly string[]): Holds =>
  value(
    path,
    `a list with ${wanted.join(", ")}`,
    (found) => Array.isArray(found) && wanted.every((one) => found.includes(one) || found.includes(UNKNOWN)),
  );

/** Whether every member of a list is of a kind, and there is one. */
export const each = (path: string, pattern: RegExp): Holds =>
  value(
    path,
    `a list of ${String(pattern)}`,
    (found) =>
      Array.isArray(found) &&
      found.length > 0 &&
      found.every((one) => one === UNKNOWN || (typeof one === "string" && pattern.test(one))),
  );

/** Whether a list of names and values, such as parameters, says so. */
export function parameter(name: string, wanted: string): Holds {
  const holds = (resource: Checked) =>
    members(resource, "parameters").some((one) => at(one, "name") === name && at(one, "value") === wanted);
  return Object.assign(holds, { asks: { path: `parameters: ${name}`, wanted } });
}

export const isProtected: Holds = Object.assign((resource: Checked) => resource.isProtected, {
  asks: { path: "protect", wanted: "true" },
});

/** @param holds of which the first with something to ask says what it is */
export function both(...holds: readonly Holds[]): Holds {
  const asks = holds.find((one) => one.asks)?.asks;
  const all: Holds = (resource, others) => holds.every((one) => one(resource, others));
  return asks === undefined ? all : Object.assign(all, { asks });
}

/**
 * Whether another resource stands beside this one that names it.
 *
 * @param link input of the other that comes from this one
 */
export function beside(type: string, link: string, holds: Holds = () => true): Holds {
  const wanted = `that of this one, as it has to be${holds.asks ? `: ${holds.asks.path} ${holds.asks.wanted}` : ""}`;
  const stands: Holds = ({ urn }, all) =>
    all.some((other) => other.type === type && other.sources[link]?.includes(urn) === true && holds(other, all));
  return Object.assign(stands, { asks: { path: `${link} of a ${type.split(":").at(-1) ?? type}`, wanted } });
}

/** The same checks for each of several types. */
export function ofEach<T>(types: readonly string[], checks: T): Readonly<Record<string, T>> {
  return Object.fromEntries(types.map((type) => [type, checks]));
}
