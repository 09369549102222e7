import { join } from "node:path";
import { environmentOf } from "../policies/environment.ts";
import type { Folders } from "./folders.ts";

/** Lets Pulumi ask the policy pack: it reads options from the environment. */
export function withPolicies({ root }: Pick<Folders, "root">): Record<string, string> {
  return { PULUMI_OPTION_POLICY_PACK: join(root, "policies") };
}

/**
 * In every preview and deploy of a stack in prod. Elsewhere a deploy would be about a second longer for advice, which is there for who asks for it, and
 * in what `slipway preview` says.
 */
export function policyEnvironment(stack: string, folders: Pick<Folders, "root">): Record<string, string> {
  return environmentOf(stack, folders.root).isProd ? withPolicies(folders) : {};
}
