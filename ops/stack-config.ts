import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { parseStackConfig, type StackConfig } from "../configs/stack.ts";
import { openFile } from "./placeholders.ts";

/**
 * A stack's file as the program reads it, with placeholders for its secrets: nothing is opened.
 *
 * @param root of the checkout
 * @returns nothing where there is no such file
 * @throws StackConfigError with every fault of the file
 */
export function readStackConfig(stack: string, root: string): StackConfig | undefined {
  const path = join(root, `Pulumi.${stack}.yaml`);
  if (!existsSync(path)) return undefined;
  const { content, placeholders } = openFile(stack, parse(readFileSync(path, "utf8")));
  const open = content["config"] as Readonly<Record<string, unknown>>;
  const own = (key: string) => key.replace(/^slipway:/, "");
  const values = Object.entries(open)
    .filter(([key]) => key.startsWith("slipway:"))
    .map(([key, value]) => [own(key), typeof value === "string" ? value : JSON.stringify(value)]);
  const secrets = Object.entries(placeholders).map(([key, value]) => [own(key), value]);
  const names = secrets.map(([key]) => key);
  return parseStackConfig(stack, {
    values: Object.fromEntries([...values, ...secrets]) as Record<string, string>,
    isSecret: (key) => names.includes(key),
  });
}
