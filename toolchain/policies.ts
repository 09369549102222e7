import { join } from "node:path";
import { environmentOf } from "../policies/environment.ts";
import type { Folders } from "./folders.ts";

/**
 * Lets Pulumi ask the policy pack in every preview and deploy of a stack in prod: Pulumi reads options from the environment. Elsewhere a preview would be
 * about a second longer for advice, which is there for who asks for it.
 */
export function policyEnvironment(stack: string, { root }: Pick<Folders, "root">): Record<string, string> {
  return environmentOf(stack, root).isProd ? { PULUMI_OPTION_POLICY_PACK: join(root, "policies") } : {};
}
