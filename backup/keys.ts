import { createHmac, createSecretKey, hkdfSync, timingSafeEqual, type KeyObject } from "node:crypto";
import { checkBackupKey } from "../configs/backup-settings.ts";

/** Keys of our own files in a repository, all made of the secret `backup-key`. Printed, they show nothing. */
export interface BackupKeys {
  /** Names the secret without a word of it: 16 hex digits. */
  readonly id: string;
  /** Signs metadata. */
  readonly mac: KeyObject;
  /** Every sealed file has a key of its own, made of this one. */
  readonly content: KeyObject;
  /** Names contents: without it nobody can tell by a name whether a known file is among them. */
  readonly names: KeyObject;
}

const KEY_BYTES = 32;
const ID_BYTES = 8;

/**
 * Makes the keys of a secret.
 *
 * @param secret content of the secret `backup-key`, at least 32 characters
 * @throws SecretError for a shorter one
 */
export function deriveKeys(secret: string): BackupKeys {
  checkBackupKey(secret);
  // HKDF, not a password hash: the secret is generated.
  const derive = (use: string, bytes: number) =>
    Buffer.from(hkdfSync("sha256", secret, "", `slipway/backup/${use}/v1`, bytes));
  const key = (use: string) => createSecretKey(derive(use, KEY_BYTES));
  return { id: derive("id", ID_BYTES).toString("hex"), mac: key("mac"), content: key("content"), names: key("names") };
}

/** HMAC-SHA-256 in hex. */
export function macOf(key: KeyObject, ...parts: readonly (string | Uint8Array)[]): string {
  const mac = createHmac("sha256", key);
  for (const part of parts) {
    const bytes = Buffer.from(part);
    // Each with its length: two lists of parts never run together to the same text.
    mac.update(`${bytes.length}:`).update(bytes);
  }
  return mac.digest("hex");
}

/** Compares in a time that says nothing of where two texts differ. */
export function isSame(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}
