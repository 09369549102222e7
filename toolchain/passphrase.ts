import { randomBytes } from "node:crypto";
import { linkSync, mkdirSync, readFileSync, statSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { UserError } from "./command.ts";
import type { Folders } from "./folders.ts";

/**
 * The file with this machine's passphrase: 32 random bytes, made when first asked for, mode 0600, never in git. It
 * opens the secrets in this machine's Pulumi state and nothing else.
 *
 * @returns the file's path
 * @throws UserError where others may read the file, or it is empty
 */
export function passphraseFile({ config }: Folders): string {
  const path = join(config, "passphrase");
  mkdirSync(config, { recursive: true, mode: 0o700 });
  create(path);
  const mode = statSync(path).mode & 0o777;
  if ((mode & 0o077) !== 0) {
    throw new UserError(
      `${path} has mode 0${mode.toString(8)}, so others can read it; allowed is 0600. Run: chmod 600 ${path}`,
    );
  }
  if (readFileSync(path, "utf8").trim() === "") {
    throw new UserError(
      `${path} is empty. Put the passphrase of this machine's stacks back, or remove the file if there are none.`,
    );
  }
  return path;
}

/** Two runs at the same time end with one passphrase: a link to a complete file succeeds once. */
function create(path: string): void {
  if (exists(path)) return;
  const draft = `${path}.${process.pid}`;
  writeFileSync(draft, `${randomBytes(32).toString("base64url")}\n`, { mode: 0o600, flag: "wx" });
  try {
    linkSync(draft, path);
  } catch (error) {
    if (!exists(path)) throw error;
  } finally {
    unlinkSync(draft);
  }
}

function exists(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined;
}
