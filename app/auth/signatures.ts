import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import type { Coalescer } from "../../jobs/coalesce.ts";
import { requestSignature } from "../credentials.ts";
import { RequestProblem } from "../problems.ts";
import { toScopes, type Credential } from "./credential.ts";
import type { Keys, RequestKey } from "./key-ring.ts";
import type { Nonce } from "./nonces.ts";

/** How far the timestamp of a signed request may be from now, in seconds. */
export const WINDOW_SECONDS = 300;

/** A nonce is kept for as long as its request could be sent again: from the early edge of the window to the late one. */
export const NONCE_SECONDS = 2 * WINDOW_SECONDS + 60;

/** The four headers of a signed request, checked but for the signature. */
export interface Signed {
  readonly keyId: string;
  readonly timestamp: string;
  readonly nonce: string;
  readonly signature: Buffer;
}

/**
 * Reads the headers of a signed request.
 *
 * @throws RequestProblem when one of them is missing or malformed, or the time is outside of the window
 */
export function readSigned(headers: IncomingHttpHeaders): Signed {
  const keyId = header(headers, "x-slipway-key", /^[\w.-]{1,64}$/, "the id of a key");
  const timestamp = header(headers, "x-slipway-timestamp", /^\d{1,12}$/, "seconds since 1970");
  const nonce = header(headers, "x-slipway-nonce", /^[\w-]{16,64}$/, "16 to 64 letters, digits, _ and -");
  const signature = header(headers, "x-slipway-signature", /^[0-9a-f]{64}$/, "64 hexadecimal digits, small letters");
  const off = Math.abs(Number(timestamp) - Date.now() / 1000);
  if (off > WINDOW_SECONDS) {
    throw new RequestProblem(
      "timestamp-outside-window",
      `x-slipway-timestamp is ${Math.round(off)} s away from the clock of the API, allowed: ${WINDOW_SECONDS} s; set the clock`,
    );
  }
  return { keyId, timestamp, nonce, signature: Buffer.from(signature, "hex") };
}

function header(headers: IncomingHttpHeaders, name: string, form: RegExp, allowed: string): string {
  const value = headers[name];
  if (typeof value === "string" && form.test(value)) return value;
  const got = value === undefined ? "is missing" : "is malformed";
  throw new RequestProblem("signature-invalid", `${name} ${got}, must be ${allowed}`);
}

/** What of a request is signed beside its headers. */
export interface SignedRequest {
  readonly method: string;
  readonly path: string;
  readonly body: Uint8Array | undefined;
}

/**
 * Refuses a key that there is none of, before anything of the body is read: whoever has no key cannot fill the memory. Ids of
 * keys are no secret.
 *
 * @throws RequestProblem `signature-invalid`
 */
export function keyOf({ keyId }: Signed, keys: Keys): RequestKey {
  const key = keys.requests.get(keyId);
  if (key) return key;
  throw wrongSignature();
}

function wrongSignature(): RequestProblem {
  return new RequestProblem("signature-invalid", "the signature is not that of this request, or there is no such key");
}

/**
 * Checks the signature. The nonce is taken later, by {@link takeNonce}.
 *
 * @throws RequestProblem `signature-invalid`
 */
export function checkSigned(signed: Signed, request: SignedRequest, keys: Keys): Credential {
  const { keyId, timestamp, nonce, signature } = signed;
  const { secret, tenant } = keyOf(signed, keys);
  const expected = requestSignature(secret, {
    method: request.method,
    path: request.path,
    timestamp,
    nonce,
    bodySha256: createHash("sha256")
      .update(request.body ?? "")
      .digest("hex"),
  });
  if (!timingSafeEqual(signature, expected)) throw wrongSignature();
  return { tenant, keyId, scopes: toScopes(undefined), expiresAt: undefined };
}

/**
 * Takes the nonce of a request whose signature is right: only whoever has the key can use one up.
 *
 * @throws RequestProblem `request-replayed`
 */
export async function takeNonce(
  { keyId, nonce }: Signed,
  nonces: Pick<Coalescer<Nonce, boolean>, "add">,
): Promise<void> {
  if (!(await nonces.add({ keyId, nonce }))) {
    throw new RequestProblem(
      "request-replayed",
      "this request was taken before; sign each one with a nonce of its own",
    );
  }
}
