import { createPrivateKey, createPublicKey } from "node:crypto";
import { signToken, type TokenClaims } from "../../app/credentials.ts";

/** A pair that only the tests have, made of fixed bytes; an API over {@link TEST_KEYS} knows the public half. */
export const ED25519 = ed25519("test-ed", Buffer.alloc(32, "ed25519"));

function ed25519(kid: string, seed: Buffer) {
  const der = Buffer.concat([Buffer.from("302e020100300506032b657004220420", "hex"), seed]);
  const key = createPrivateKey({ key: der, format: "der", type: "pkcs8" });
  const publicKey = createPublicKey(key).export({ type: "spki", format: "pem" }).toString();
  return { kid, alg: "EdDSA", publicKey, privateKey: key.export({ type: "pkcs8", format: "pem" }).toString() } as const;
}

/** Keys of the tests' own, as the secrets of a stack hold them; `jwt-keys` and `hmac-keys` are names of files. */
export const TEST_KEYS = {
  "jwt-keys": [
    { kid: "test-1", alg: "HS256", secret: Buffer.alloc(32, "jwt-one").toString("base64url") },
    { kid: ED25519.kid, alg: "EdDSA", publicKey: ED25519.publicKey },
    { kid: "test-2", alg: "HS256", secret: Buffer.alloc(32, "jwt-two").toString("base64url") },
  ],
  "hmac-keys": [
    { id: "signer-1", tenant: "acme", secret: Buffer.alloc(32, "hmac-one").toString("base64url") },
    { id: "signer-2", tenant: "other", secret: Buffer.alloc(32, "hmac-two").toString("base64url") },
  ],
} as const;

/** Tenant of the tests that need only one. */
export const TENANT = "acme";

/** A token that an API over {@link TEST_KEYS} takes. @param tenant `acme` when left out */
export async function testToken(tenant = TENANT, claims: Omit<TokenClaims, "tenant"> = {}): Promise<string> {
  return signToken(TEST_KEYS["jwt-keys"][0], { tenant, ...claims });
}

/** The header of a request with such a token. */
export async function testAuthorization(
  tenant = TENANT,
  claims: Omit<TokenClaims, "tenant"> = {},
): Promise<{ readonly authorization: string }> {
  return { authorization: `Bearer ${await testToken(tenant, claims)}` };
}
