/**
 * Pulumi writes the salt of the passphrase into `Pulumi.<stack>.yaml`. In the dev stack's file, which is in git, it would
 * be a change that nobody made: each machine has a passphrase of its own. Two things keep git clean:
 *
 *   - `.gitattributes` names a clean filter for that file, and the filter is set in this checkout: git looks past the
 *     salt and sees every other change. Without the filter (nobody ran `make` here) git compares as usual.
 *   - PULUMI_FALLBACK_TO_STATE_SECRETS_MANAGER: where the file has lost its salt (a checkout, a branch), Pulumi takes the one
 *     that the stack's state keeps and writes it back, in place of making a new one that does not fit.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { CommandError, runCommand } from "./command.ts";
import { ROOT, type Folders } from "./folders.ts";

/** Name of the filter in .gitattributes. */
const FILTER = "slipway-salt";

/** The line that Pulumi writes. */
const SALT = /^encryptionsalt: .*\n?/gm;

/** Teaches git in this checkout to look past the salt. Does nothing outside a git checkout. */
export async function ignoreSalt({ root }: Folders): Promise<void> {
  const clean = "sed -e '/^encryptionsalt: /d'";
  try {
    const now = await runCommand("git", ["config", "--get", `filter.${FILTER}.clean`], { cwd: root }).catch(() => "");
    if (now !== clean) await runCommand("git", ["config", `filter.${FILTER}.clean`, clean], { cwd: root });
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
  }
}

/** The text without the salt. */
export function withoutSalt(text: string): string {
  return text.replace(SALT, "");
}

/**
 * Removes a salt that belongs to no stack: the stack is gone, or was another machine's. A file whose own secrets were
 * encrypted with it keeps it, for without it they could not be read any more.
 *
 * @param stack the stack's name
 * @param root  the checkout; default: this one
 */
export function dropSalt(stack: string, root = ROOT): void {
  const path = join(root, `Pulumi.${stack}.yaml`);
  if (!existsSync(path)) return;
  const text = readFileSync(path, "utf8");
  if (/^\s+secure: /m.test(text) || !text.includes("encryptionsalt: ")) return;
  writeFileSync(path, withoutSalt(text));
}
