import { createPublicKey, createSecretKey, type KeyObject } from "node:crypto";
import { statSync } from "node:fs";
import { join } from "node:path";
import { parseHmacKeys, parseJwtKeys, type JwtKey, type KeySecretName } from "../../configs/credential-keys.ts";
import { openSecret, SecretError } from "../../configs/secrets.ts";
import type { Logger } from "../../jobs/log.ts";

/** How often the files are looked at while requests come, in milliseconds. */
const LOOK_EVERY_MS = 1000;

/** A key that a token may name. */
export interface TokenKey {
  readonly alg: JwtKey["alg"];
  readonly key: KeyObject;
}

/** A key that a signed request may name. */
export interface RequestKey {
  readonly tenant: string;
  readonly secret: Buffer;
}

/** The keys of one moment. Another object stands for other keys: what was decided by the old ones is not used any more. */
export interface Keys {
  readonly tokens: ReadonlyMap<string, TokenKey>;
  readonly requests: ReadonlyMap<string, RequestKey>;
}

/**
 * The keys that credentials are checked with. The files are read again when they change, so that keys are rotated without a
 * restart: add the new one everywhere, let clients move, drop the old one. Files that are wrong are logged, and the keys
 * that were read before stay.
 *
 * @param directory folder of the secrets `jwt-keys` and `hmac-keys`
 * @throws SecretError when the files are wrong at the start
 */
export function createKeyRing(directory: string, log: Logger): { current(): Keys } {
  let seen = look(directory);
  let keys = read(directory);
  let lookedAt = Date.now();
  return {
    current: () => {
      const now = Date.now();
      // A clock that was set back must not stop the looking.
      if (Math.abs(now - lookedAt) < LOOK_EVERY_MS) return keys;
      lookedAt = now;
      const found = look(directory);
      if (found === seen) return keys;
      seen = found;
      keys = readAgain(directory, log) ?? keys;
      return keys;
    },
  };
}

function readAgain(directory: string, log: Logger): Keys | undefined {
  try {
    const keys = read(directory);
    log.info({ tokenKeys: [...keys.tokens.keys()], requestKeys: [...keys.requests.keys()] }, "keys were read again");
    return keys;
  } catch (error) {
    if (!(error instanceof SecretError)) throw error;
    log.error({ reason: error.message }, "the changed keys are of no use; those from before stay");
    return undefined;
  }
}

/** What differs when a file was written or replaced. */
function look(directory: string): string {
  return (["jwt-keys", "hmac-keys"] as const).map((name) => lookAt(directory, name)).join(" ");
}

function lookAt(directory: string, name: KeySecretName): string {
  try {
    const { ino, size, mtimeMs } = statSync(join(directory, name));
    return `${ino}:${size}:${mtimeMs}`;
  } catch {
    return "unreadable"; // Reading it again says why.
  }
}

function read(directory: string): Keys {
  const tokens = parseJwtKeys(openSecret(directory, "jwt-keys"));
  const requests = parseHmacKeys(openSecret(directory, "hmac-keys")).filter(({ enabled }) => enabled !== false);
  return {
    tokens: new Map(tokens.map((key) => [key.kid, { alg: key.alg, key: toKeyObject(key) }])),
    requests: new Map(
      requests.map(({ id, tenant, secret }) => [id, { tenant, secret: Buffer.from(secret, "base64url") }]),
    ),
  };
}

function toKeyObject(key: JwtKey): KeyObject {
  return key.alg === "HS256" ? createSecretKey(Buffer.from(key.secret, "base64url")) : createPublicKey(key.publicKey);
}
