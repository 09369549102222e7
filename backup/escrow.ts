import { createCipheriv, createDecipheriv, randomBytes, scryptSync, timingSafeEqual } from "node:crypto";
import { z } from "zod";
import { BackupFault, type Fault } from "./faults.ts";
import { deriveKeys, type BackupKeys } from "./keys.ts";
import type { Repository } from "./repositories.ts";
import { getSigned, putSigned } from "./repository-files.ts";

/**
 * The key of the backups, closed under a passphrase, as a text that fits on paper or into a safe:
 *
 *     slipway-backup-key:1:<id of the key>:<salt>:<nonce>:<text and tag>     the last three in base64url
 *
 * Version 1 is scrypt with N = 2^17, r = 8, p = 1 and AES-256-GCM; everything before the salt is authenticated with it.
 */
const PREFIX = "slipway-backup-key";
const VERSION = "1";
const SCRYPT = { N: 2 ** 17, r: 8, p: 1, maxmem: 256 * 1024 * 1024 } as const;
const SALT_BYTES = 16;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const FORM =
  /^(?<prefix>[a-z-]+):(?<version>\d+):(?<id>[0-9a-f]{16}):(?<salt>[\w-]+):(?<nonce>[\w-]+):(?<text>[\w-]+)$/;

/** Length of a passphrase, and how many of its characters must differ. */
export const PASSPHRASE_MIN_LENGTH = 16;
const PASSPHRASE_MAX_LENGTH = 1000;
const PASSPHRASE_MIN_DIFFERENT = 8;

/** The passphrase or the sealed key is not as it must be. Nothing of either is in the message. */
export class EscrowRefused extends Error {
  override readonly name = "EscrowRefused";
}

const RECORD = {
  format: "slipway-escrow/1",
  schema: z.strictObject({ keyId: z.string(), verifiedAt: z.string() }),
} as const;

/**
 * Closes the key of the backups under a passphrase.
 *
 * @throws EscrowRefused for a weak passphrase
 */
export function exportKey(secret: string, passphrase: string): string {
  const words = checkPassphrase(secret, passphrase);
  const head = `${PREFIX}:${VERSION}:${deriveKeys(secret).id}`;
  const [salt, nonce] = [randomBytes(SALT_BYTES), randomBytes(NONCE_BYTES)];
  const cipher = createCipheriv("aes-256-gcm", stretch(words, salt), nonce).setAAD(Buffer.from(head));
  const text = Buffer.concat([cipher.update(secret, "utf8"), cipher.final(), cipher.getAuthTag()]);
  return [head, ...[salt, nonce, text].map((part) => part.toString("base64url"))].join(":");
}

/**
 * Opens what `exportKey` gave.
 *
 * @throws EscrowRefused where the text or the passphrase is another
 */
export function openKey(sealed: string, passphrase: string): string {
  // Paper and mail break lines.
  const groups = FORM.exec(sealed.replace(/\s+/g, ""))?.groups;
  if (groups?.["prefix"] !== PREFIX)
    throw new EscrowRefused(
      `the sealed key is no text that begins with ${PREFIX}:${VERSION}:, or it is not whole; give all of it`,
    );
  if (groups["version"] !== VERSION)
    throw new EscrowRefused(
      `the sealed key has version ${groups["version"] ?? ""}, allowed: ${VERSION}; use the release that made it`,
    );
  const parts = ["salt", "nonce", "text"].map((name) => groups[name] ?? "");
  const [salt, nonce, text] = parts.map((part) => Buffer.from(part, "base64url"));
  const damaged = new EscrowRefused(
    "the sealed key does not open: the passphrase is another than the one it was exported with, or the text is damaged; correct either, or export it again",
  );
  // Bits of a last letter that belong to no byte must be zero: one text opens, and no other.
  if (parts.some((part) => Buffer.from(part, "base64url").toString("base64url") !== part)) throw damaged;
  if (salt?.length !== SALT_BYTES || nonce?.length !== NONCE_BYTES || !text || text.length <= TAG_BYTES) throw damaged;
  const head = `${PREFIX}:${VERSION}:${groups["id"] ?? ""}`;
  const key = stretch(passphrase.normalize("NFKC"), salt);
  const decipher = createDecipheriv("aes-256-gcm", key, nonce, { authTagLength: TAG_BYTES }).setAAD(Buffer.from(head));
  decipher.setAuthTag(text.subarray(-TAG_BYTES));
  try {
    return Buffer.concat([decipher.update(text.subarray(0, -TAG_BYTES)), decipher.final()]).toString("utf8");
  } catch {
    throw damaged;
  }
}

/**
 * Opens a sealed key, compares it with the one in use, and notes in every repository that somebody could.
 *
 * @throws EscrowRefused where it is not the key in use
 */
export async function verifyKey(
  repositories: readonly Repository[],
  secret: string,
  sealed: string,
  passphrase: string,
): Promise<string> {
  const opened = Buffer.from(openKey(sealed, passphrase));
  const used = Buffer.from(secret);
  const keys = deriveKeys(secret);
  if (opened.length !== used.length || !timingSafeEqual(opened, used))
    throw new EscrowRefused(
      `the sealed key is a whole one, but not the key in use, which is ${keys.id}; export that one, and keep both while there are backups of both`,
    );
  const body = { keyId: keys.id, verifiedAt: new Date().toISOString() };
  for (const { store } of repositories) await putSigned(store, RECORD, keys, recordKey(keys), body);
  return keys.id;
}

/** What is wrong with the escrow of the key in use; one repository that knows of it is enough. */
export async function escrowFault(repositories: readonly Repository[], keys: BackupKeys): Promise<Fault | undefined> {
  let fault: Fault = {
    kind: "key-not-escrowed",
    where: recordKey(keys),
    reason: `the key ${keys.id} has not been exported and verified; run slipway keys export, then slipway keys verify`,
  };
  for (const { name, store } of repositories) {
    try {
      const { keyId } = await getSigned(store, RECORD, keys, recordKey(keys));
      if (keyId === keys.id) return undefined;
    } catch (error) {
      if (error instanceof BackupFault && error.kind !== "missing")
        fault = {
          kind: "key-not-escrowed",
          where: `${name}: ${error.where}`,
          reason: `its record is not good: ${error.reason}`,
        };
      else if (!(error instanceof BackupFault))
        fault = { ...fault, where: name, reason: error instanceof Error ? error.message : String(error) };
    }
  }
  return fault;
}

function recordKey(keys: BackupKeys): string {
  return `escrow/${keys.id}.json`;
}

/** Gives it in the form in which it is stretched: keyboards type the same letter in more ways than one. */
function checkPassphrase(secret: string, passphrase: string): string {
  const words = passphrase.normalize("NFKC");
  const { length } = words;
  const allowed = `allowed: ${PASSPHRASE_MIN_LENGTH} to ${PASSPHRASE_MAX_LENGTH} characters, ${PASSPHRASE_MIN_DIFFERENT} different ones, no text twice over, such as five random words`;
  if (length < PASSPHRASE_MIN_LENGTH || length > PASSPHRASE_MAX_LENGTH)
    throw new EscrowRefused(`the passphrase has ${length} characters; ${allowed}`);
  if (new Set(words).size < PASSPHRASE_MIN_DIFFERENT)
    throw new EscrowRefused(`the passphrase has ${new Set(words).size} different characters; ${allowed}`);
  if (/^(?<piece>.+?)\k<piece>+$/su.test(words)) throw new EscrowRefused(`the passphrase repeats itself; ${allowed}`);
  if (words.includes(secret)) throw new EscrowRefused(`the passphrase holds the key itself; ${allowed}`);
  return words;
}

function stretch(words: string, salt: Buffer): Buffer {
  return scryptSync(words, salt, 32, SCRYPT);
}
