import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** What stands in for every secret in anything that is printed. */
export const MASK = "********";

/** Name of the secret that opens `ENC(...)` values. */
export const AES_SECRET = "aes-secret";
/** Name of the one beside it, while values are moved from one to the other. */
export const OTHER_AES_SECRET = "aes-secret-other";

/** Least length of the secret behind `ENC(...)`: 32 characters, which is 128 bits even as hex. */
export const AES_SECRET_MIN_LENGTH = 32;

const IV_BYTES = 12;
const TAG_BYTES = 16;
const ENCRYPTED = /^ENC\((?<body>[^)]*)\)$/s;

/** A secret that cannot be had. The message says why and how to fix it, and never holds a value. */
export class SecretError extends Error {
  override readonly name = "SecretError";
}

/**
 * Reads one secret: a file named after it, one trailing newline trimmed.
 *
 * @param directory where the secrets of this process are mounted
 * @param name file name, such as `database-password`
 * @throws SecretError when the file is missing, unreadable or empty
 */
export function readSecret(directory: string, name: string): string {
  const path = join(directory, name);
  const text = readText(path).replace(/\r?\n$/, "");
  if (text === "") throw new SecretError(`the file ${path} is empty; write the secret into it`);
  return text;
}

/**
 * Reads one secret and opens it where it is an `ENC(...)` value.
 *
 * @throws SecretError when it cannot be read or opened
 */
export function openSecret(directory: string, name: string): string {
  const content = readSecret(directory, name);
  return isEncrypted(content) ? openEncrypted(directory, content) : content;
}

/**
 * Opens an `ENC(...)` value with the secret of this process, or with the one beside it.
 *
 * @throws SecretError of the first one, where neither opens it
 */
export function openEncrypted(directory: string, value: string): string {
  try {
    return decrypt(value, readSecret(directory, AES_SECRET));
  } catch (error) {
    if (!(error instanceof SecretError) || !existsSync(join(directory, OTHER_AES_SECRET))) throw error;
    try {
      return decrypt(value, readSecret(directory, OTHER_AES_SECRET));
    } catch {
      throw error;
    }
  }
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw new SecretError(
      `the file ${path} cannot be read (${errorCode(error)}); mount the secrets of the stack there`,
    );
  }
}

function errorCode(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "unknown error";
}

/** Whether a value has to be opened by {@link decrypt} before use. */
export function isEncrypted(value: string): boolean {
  return value.startsWith("ENC(");
}

/**
 * Opens an `ENC(...)` value: base64url of a 12-byte IV, a 16-byte tag and the AES-256-GCM text.
 *
 * @param value the whole value, `ENC(` and `)` included
 * @param secret content of the secret `aes-secret`, at least 32 characters
 * @throws SecretError when the form is damaged or the key is not the one it was closed with
 */
export function decrypt(value: string, secret: string): string {
  const body = ENCRYPTED.exec(value)?.groups?.["body"];
  const bytes = Buffer.from(body ?? "", "base64url");
  // Compared with the body: bits of the last letter that belong to no byte must not be anything but zero.
  if (bytes.length < IV_BYTES + TAG_BYTES || bytes.toString("base64url") !== body) {
    throw new SecretError(
      `the ENC(...) text is damaged: it must be ENC( + base64url of at least ${IV_BYTES + TAG_BYTES} bytes + ); encrypt the value again`,
    );
  }
  const decipher = createDecipheriv("aes-256-gcm", deriveKey(secret), bytes.subarray(0, IV_BYTES));
  decipher.setAuthTag(bytes.subarray(IV_BYTES, IV_BYTES + TAG_BYTES));
  try {
    return decipher.update(bytes.subarray(IV_BYTES + TAG_BYTES), undefined, "utf8") + decipher.final("utf8");
  } catch {
    throw new SecretError(
      `the ENC(...) text does not open: either the secret ${AES_SECRET} is another one than it was made with, or the text is damaged; ` +
        "encrypt the value again with the secret of this stack",
    );
  }
}

/**
 * Closes a value for {@link decrypt}. Every call gives another text.
 *
 * @param secret content of the secret `aes-secret`, at least 32 characters
 */
export function encrypt(plain: string, secret: string): string {
  const iv = randomBytes(IV_BYTES);
  const cipher = createCipheriv("aes-256-gcm", deriveKey(secret), iv);
  const text = Buffer.concat([cipher.update(plain, "utf8"), cipher.final()]);
  return `ENC(${Buffer.concat([iv, cipher.getAuthTag(), text]).toString("base64url")})`;
}

/** HKDF, not a password hash: the secret is generated, and a start must not wait for a slow hash. */
function deriveKey(secret: string): Buffer {
  if (secret.length < AES_SECRET_MIN_LENGTH) {
    throw new SecretError(
      `the secret ${AES_SECRET} has ${secret.length} characters, must have at least ${AES_SECRET_MIN_LENGTH}; generate a longer one`,
    );
  }
  return Buffer.from(hkdfSync("sha256", secret, "", "slipway/enc/v1", 32));
}
