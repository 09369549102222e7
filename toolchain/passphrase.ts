import { createDecipheriv, pbkdf2Sync, randomBytes } from "node:crypto";
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
export function passphraseFile(folders: Folders): string {
  const path = passphrasePath(folders);
  mkdirSync(folders.config, { recursive: true, mode: 0o700 });
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

/** Where it lies, or would. */
export function passphrasePath({ config }: Pick<Folders, "config">): string {
  return join(config, "passphrase");
}

/** Rounds of Pulumi's key derivation. */
const ROUNDS = 1_000_000;

/** What Pulumi encrypts to know a passphrase again. */
const PROOF = "pulumi";

/**
 * Whether a passphrase is the one that a stack was made with. Pulumi itself only notices where it opens a secret of the stack's file, and gives
 * outputs as `null`.
 *
 * @param salt as Pulumi writes it: `v1:SALT:v1:NONCE:PROOF`
 */
export function opens(passphrase: string, salt: string): boolean {
  const [, random = "", , nonce = "", sealed = ""] = salt.split(":");
  const key = pbkdf2Sync(passphrase.trim(), Buffer.from(random, "base64"), ROUNDS, 32, "sha256");
  const bytes = Buffer.from(sealed, "base64");
  try {
    const cipher = createDecipheriv("aes-256-gcm", key, Buffer.from(nonce, "base64"));
    cipher.setAuthTag(bytes.subarray(-16));
    return cipher.update(bytes.subarray(0, -16), undefined, "utf8") + cipher.final("utf8") === PROOF;
  } catch {
    return false;
  }
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
