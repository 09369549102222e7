import { attempt, type Attempt } from "../toolchain/deployment/attempt.ts";
import { historyByName } from "../toolchain/deployment/history.ts";
import { productVersion } from "../toolchain/deployment/product-version.ts";
import { findFolders } from "../toolchain/folders.ts";
import type { Steps } from "../toolchain/steps.ts";

/** A command as it was typed. */
export function typed(): string {
  return ["slipway", ...process.argv.slice(2)].join(" ");
}

/**
 * Works on a stack alone and on record, as a deploy does.
 *
 * @throws UserError where somebody else does at the same time
 */
export async function onRecord<T>(
  { stack, steps }: { readonly stack: string; readonly steps: Steps },
  work: (attempt: Attempt) => Promise<T>,
): Promise<T> {
  const folders = findFolders();
  const { version } = await productVersion(folders.root);
  const history = () => historyByName(stack, folders, steps);
  return attempt({ stack, folders, steps, command: typed(), version, whenHeld: "refuse", history }, work);
}
