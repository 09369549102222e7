import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { z } from "zod";
import type { Rule } from "./rule.ts";

/** What of a stack decides which rules hold of it, and how strictly. */
export interface Environment {
  readonly isProd: boolean;
  /** Whether it is being taken down, with its protections off. */
  readonly isTeardown: boolean;
}

const fileSchema = z.looseObject({
  config: z.looseObject({
    "slipway:environment": z.string(),
    "slipway:teardown": z.union([z.boolean(), z.string()]).default(false),
  }),
});

/** Pulumi tells a policy a resource's URN, and nothing of the stack's configuration. */
export function stackOf(urn: string): string {
  return /^urn:pulumi:([^:]+)::/.exec(urn)?.[1] ?? "";
}

/**
 * The environment by the stack's file. One that cannot be read counts as prod: rules that are too strict are noticed.
 *
 * @param root of the checkout
 */
export function environmentOf(stack: string, root: string): Environment {
  const path = join(root, `Pulumi.${stack}.yaml`);
  const file = existsSync(path) ? fileSchema.safeParse(parse(readFileSync(path, "utf8"))).data : undefined;
  if (file === undefined) return { isProd: true, isTeardown: false };
  return {
    isProd: file.config["slipway:environment"] === "prod",
    isTeardown: String(file.config["slipway:teardown"]) === "true",
  };
}

/** Whether a rule has to hold of a stack. */
export function concerns({ of }: Rule, { isProd, isTeardown }: Environment): boolean {
  return of === undefined || (isProd && !(of === "kept" && isTeardown));
}
