import { input } from "../../policies/checks.ts";
import type { Checks, Holds } from "../../policies/rule.ts";
import type { RecordedResource } from "./recorder.ts";

/**
 * What is secure about our own program, beyond what the policy pack asks of any: which key, which subnets, which group. It goes by what the mocks make
 * up for names, and `secure-rules.ts` has it.
 */

/** A rule that does not hold of a resource. */
export interface Weakness {
  readonly type: string;
  readonly name: string;
  readonly what: string;
}

/** What does not hold, in the order of the resources. */
export function weaknesses(resources: readonly RecordedResource[], rules: Checks): Weakness[] {
  return resources.flatMap((resource) =>
    Object.entries(rules[resource.type] ?? {})
      .filter(([, holds]) => !holds(resource, resources))
      .map(([what]) => ({ type: resource.type, name: resource.name, what })),
  );
}

/** Whether it is encrypted with the stack's own key for that purpose. */
export const withKey =
  (path: string, purpose: string): Holds =>
  (resource) =>
    String(input(resource, path)).endsWith(`:key-${purpose}`);
