import type { z } from "zod";
import type { AnyKind } from "../../jobs/kind.ts";
import type { Kinds } from "../../jobs/registry.ts";
import { RequestProblem } from "../problems.ts";
import { MAX_FAULTS, shortened } from "./faults.ts";
import { findUnstorable, isNestedDeeper } from "./storable.ts";

/** Levels of lists and objects that parameters may have. */
export const MAX_LEVELS = 32;

/** One thing wrong with the parameters. */
export interface Fault {
  readonly path: string;
  readonly message: string;
}

/**
 * Finds a kind.
 *
 * @param path of its name in the request
 * @throws RequestProblem `unknown-kind`
 */
export function kindNamed(kinds: Kinds, name: string, path = "kind"): AnyKind {
  const kind = kinds.get(name);
  if (kind) return kind;
  throw new RequestProblem(
    "unknown-kind",
    `${path}: got ${JSON.stringify(name)}, allowed: ${[...kinds.keys()].join(", ")}`,
  );
}

/**
 * Looks for everything that is wrong with parameters.
 *
 * @param path of the parameters in the request
 */
export function paramFaults(kind: AnyKind, params: unknown, path: string): readonly Fault[] {
  if (isNestedDeeper(params, MAX_LEVELS)) {
    return [{ path, message: `is nested more than ${MAX_LEVELS} levels deep; make it flatter` }];
  }
  const checked = kind.params.safeParse(params);
  if (!checked.success) return checked.error.issues.map((issue) => toFault(issue, path));
  const found = findUnstorable(params);
  return found === undefined ? [] : [{ path, message: found }];
}

/** @throws RequestProblem `invalid-params` when there are faults */
export function refuseFaults(faults: readonly Fault[]): void {
  if (faults.length === 0) return;
  const errors = faults.slice(0, MAX_FAULTS);
  const rest = faults.length > errors.length ? "; and more" : "";
  const detail = errors.map(({ path, message }) => `${path}: ${message}`).join("; ");
  throw new RequestProblem("invalid-params", `${detail}${rest}`, { members: { errors } });
}

function toFault(issue: z.core.$ZodIssue, path: string): Fault {
  return { path: shortened([path, ...issue.path.map(String)].join(".")), message: shortened(issue.message) };
}
