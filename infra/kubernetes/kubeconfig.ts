import { dirname, isAbsolute, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

/** The folder of Pulumi.yaml, which is where a user of the stack's file thinks from. */
const CHECKOUT = join(dirname(fileURLToPath(import.meta.url)), "../..");

/**
 * The path of a kubeconfig as the provider understands it. Pulumi runs program and provider in the folder of the program's entry.
 *
 * @param path from the folder of the stack's file, absolute, or below `~/`
 * @param cwd  where program and provider run @default where this program does
 * @returns from `cwd` where it was relative: the state of a stack shall not know where a checkout lies
 */
export function kubeconfigPath(path: string, cwd = process.cwd()): string {
  return isAbsolute(path) || path.startsWith("~/") ? path : relative(cwd, join(CHECKOUT, path));
}
