import { createHash, createHmac, randomUUID } from "node:crypto";
import { importPKCS8, SignJWT } from "jose";

/** What a client of the API needs: tokens and signed requests. Tests, benches and the toolchain are clients too. */

/** A key that tokens are signed with: its slot in the secret `jwt-keys`, or the private half of one. */
export type SigningKey =
  | { readonly kid: string; readonly alg: "HS256"; readonly secret: string }
  | { readonly kid: string; readonly alg: "EdDSA"; readonly privateKey: string };

/** What a token says. */
export interface TokenClaims {
  readonly tenant: string;
  /** `read`, `write` or both, separated by a space. @default both */
  readonly scope?: string;
  /** @default "slipway" */
  readonly issuer?: string;
  /** @default "slipway-api" */
  readonly audience?: string;
  /** How long it is good for, in seconds; below 0 it has expired. @default 3600 */
  readonly expiresInSeconds?: number;
}

/** Makes a token for the header `authorization: Bearer <token>`. */
export async function signToken(key: SigningKey, claims: TokenClaims): Promise<string> {
  const now = Math.floor(Date.now() / 1000);
  const token = new SignJWT({ tenant: claims.tenant, ...(claims.scope === undefined ? {} : { scope: claims.scope }) })
    .setProtectedHeader({ alg: key.alg, kid: key.kid, typ: "JWT" })
    .setIssuer(claims.issuer ?? "slipway")
    .setAudience(claims.audience ?? "slipway-api")
    .setIssuedAt(now)
    .setExpirationTime(now + (claims.expiresInSeconds ?? 3600));
  return token.sign(
    key.alg === "HS256" ? Buffer.from(key.secret, "base64url") : await importPKCS8(key.privateKey, "EdDSA"),
  );
}

/** A key that requests are signed with: its slot in the secret `hmac-keys`. */
export interface RequestKey {
  readonly id: string;
  /** base64url. */
  readonly secret: string;
}

/** What is signed of a request. */
export interface SignedParts {
  readonly method: string;
  /** With its query, as it is sent. */
  readonly path: string;
  readonly body?: string | Uint8Array;
  /** Seconds since 1970. @default now */
  readonly timestamp?: number;
  /** Good for one request: 16 to 64 letters, digits, _ and -. @default a random one */
  readonly nonce?: string;
}

/** The headers that make a request a signed one. Body and path must be sent exactly as they were signed. */
export function signRequest(key: RequestKey, parts: SignedParts): Record<string, string> {
  const timestamp = String(parts.timestamp ?? Math.floor(Date.now() / 1000));
  const nonce = parts.nonce ?? randomUUID();
  const signature = requestSignature(Buffer.from(key.secret, "base64url"), {
    method: parts.method,
    path: parts.path,
    timestamp,
    nonce,
    bodySha256: createHash("sha256")
      .update(parts.body ?? "")
      .digest("hex"),
  });
  return {
    "x-slipway-key": key.id,
    "x-slipway-timestamp": timestamp,
    "x-slipway-nonce": nonce,
    "x-slipway-signature": signature.toString("hex"),
  };
}

/** HMAC-SHA256 over method, path, timestamp, nonce and the body's SHA-256 in hex, a line each. */
export function requestSignature(
  secret: Uint8Array,
  parts: {
    readonly method: string;
    readonly path: string;
    readonly timestamp: string;
    readonly nonce: string;
    readonly bodySha256: string;
  },
): Buffer {
  const { method, path, timestamp, nonce, bodySha256 } = parts;
  const text = [method.toUpperCase(), path, timestamp, nonce, bodySha256].join("\n");
  return createHmac("sha256", secret).update(text).digest();
}
