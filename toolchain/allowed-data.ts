import { allowedByCaller } from "../infra/allow-replace.ts";
import type { Folders } from "./folders.ts";
import { readStackSettings } from "./stack-settings.ts";

/**
 * Logical names of data that a deploy may delete or make anew: what the command was given, `SLIPWAY_ALLOW_REPLACE`, and `slipway:allowReplace` of the
 * stack's file. The program takes the same three, so that the guard here and Pulumi's protection never say two things.
 */
export function allowedData(
  stack: string,
  { root }: Pick<Folders, "root">,
  asked: readonly string[],
  env: Readonly<Record<string, string | undefined>> = process.env,
): readonly string[] {
  return [...new Set([...asked, ...allowedByCaller(env), ...(readStackSettings(stack, root)?.allowReplace ?? [])])];
}
