import { hash } from "node:crypto";
import { errors, jwtVerify, type JWTPayload, type JWTVerifyOptions } from "jose";
import { z } from "zod";
import { TENANT } from "../../configs/credential-keys.ts";
import { RequestProblem } from "../problems.ts";
import { toScopes, type Credential } from "./credential.ts";
import type { Keys } from "./key-ring.ts";

/** How far the clocks of signer and API may be apart, in seconds. */
const TOLERANCE_SECONDS = 5;

/** Tokens that are remembered as good. */
const MAX_REMEMBERED = 10_000;

const claims = z.object({
  tenant: z.string().regex(TENANT),
  exp: z.number(),
  scope: z.string().optional(),
});

export interface TokenSettings {
  readonly JWT_ISSUER: string;
  readonly JWT_AUDIENCE: string;
}

/** Checks tokens. */
export interface Tokens {
  /** The credential of a token that was checked before and still holds: costs one hash. */
  known(token: string): Credential | undefined;
  /**
   * Checks a token.
   *
   * @throws RequestProblem `token-expired` or `token-invalid`
   */
  verify(token: string): Promise<Credential>;
}

/** @param keyRing gives the keys of this moment */
export function createTokens(settings: TokenSettings, keyRing: { current(): Keys }): Tokens {
  let keys = keyRing.current();
  let remembered = new Map<string, Credential & { readonly expiresAt: number }>();
  function refresh(): Keys {
    const current = keyRing.current();
    if (current !== keys) {
      keys = current;
      remembered = new Map();
    }
    return keys;
  }
  return {
    known: (token) => {
      refresh();
      const found = remembered.get(digest(token));
      return found && found.expiresAt > Date.now() ? found : undefined;
    },
    verify: async (token) => {
      const used = refresh();
      const credential = await check(token, used, settings);
      // Keys that were changed meanwhile have to be asked again, not remembered.
      if (used !== keys) return credential;
      for (const oldest of remembered.keys()) {
        if (remembered.size < MAX_REMEMBERED) break;
        remembered.delete(oldest);
      }
      remembered.set(digest(token), credential);
      return credential;
    },
  };
}

/** The token itself is not kept. */
function digest(token: string): string {
  return hash("sha256", token, "base64");
}

async function check(
  token: string,
  keys: Keys,
  settings: TokenSettings,
): Promise<Credential & { readonly expiresAt: number }> {
  const options: JWTVerifyOptions = {
    algorithms: ["HS256", "EdDSA"],
    issuer: settings.JWT_ISSUER,
    audience: settings.JWT_AUDIENCE,
    requiredClaims: ["exp", "tenant"],
    clockTolerance: TOLERANCE_SECONDS,
  };
  try {
    const { payload, protectedHeader } = await jwtVerify(
      token,
      ({ kid, alg }) => {
        const found = kid === undefined ? undefined : keys.tokens.get(kid);
        // The key says which algorithm it is for; the token may only agree.
        if (found?.alg !== alg) throw new errors.JWSInvalid("no such key");
        return found.key;
      },
      options,
    );
    return toCredential(payload, protectedHeader.kid ?? "");
  } catch (error) {
    throw toProblem(error);
  }
}

function toCredential(payload: JWTPayload, keyId: string): Credential & { readonly expiresAt: number } {
  const checked = claims.safeParse(payload);
  if (!checked.success) throw new errors.JWTInvalid("claims");
  const { tenant, exp, scope } = checked.data;
  return { tenant, keyId, scopes: toScopes(scope), expiresAt: exp * 1000 };
}

/** Which check failed is told as far as the holder of a true token needs it; of keys nothing is told. */
function toProblem(error: unknown): unknown {
  if (error instanceof errors.JWTExpired) {
    return new RequestProblem("token-expired", "the token has expired; get a new one");
  }
  if (error instanceof errors.JWTClaimValidationFailed) {
    return new RequestProblem("token-invalid", `the claim ${error.claim} of the token is not as documented`);
  }
  if (!(error instanceof errors.JOSEError || error instanceof TypeError)) return error;
  return new RequestProblem("token-invalid", "the token is not one of ours: its form, key or signature is wrong");
}
