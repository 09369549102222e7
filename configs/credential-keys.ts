import { createPublicKey } from "node:crypto";
import { z } from "zod";
import { checkBackupKey } from "./backup-settings.ts";
import { slotName, type Slot } from "./credential-slots.ts";
import { SecretError } from "./secrets.ts";

/** Shape of a tenant's name. It comes from the credential and never from the request. `system` is the kinds' own. */
export const TENANT = /^(?!system$)[a-z0-9][a-z0-9-]{0,62}$/;

/** Least length of a shared secret, in bytes. */
export const KEY_MIN_BYTES = 32;

const name = z.string().regex(/^[\w.-]{1,64}$/, { error: "must be 1 to 64 letters, digits, _, . or -" });
const shared = z
  .string()
  .refine((text) => Buffer.from(text, "base64url").toString("base64url") === text, { error: "must be base64url" })
  .refine((text) => Buffer.from(text, "base64url").length >= KEY_MIN_BYTES, {
    error: `must hold ${KEY_MIN_BYTES} bytes or more`,
  });

/** Not the private half: that belongs to whoever signs, and Node would derive the public one from it without a word. */
function isEd25519(pem: string): boolean {
  if (!pem.startsWith("-----BEGIN PUBLIC KEY-----")) return false;
  try {
    return createPublicKey(pem).asymmetricKeyType === "ed25519";
  } catch {
    return false;
  }
}

const jwtKey = z.discriminatedUnion(
  "alg",
  [
    z.strictObject({ kid: name, alg: z.literal("HS256"), secret: shared }),
    z.strictObject({
      kid: name,
      alg: z.literal("EdDSA"),
      publicKey: z.string().refine(isEd25519, { error: "must be an Ed25519 public key in PEM" }),
    }),
  ],
  { error: "alg must be HS256 or EdDSA" },
);
const hmacKey = z.strictObject({
  id: name,
  tenant: z.string().regex(TENANT, { error: "must be 1 to 63 of a-z, 0-9 and -, and not system" }),
  secret: shared,
  /** `false`: it is kept for the way back of a rotation, and refused. @default true */
  enabled: z.boolean().exactOptional(),
});

/** A key that tokens are checked with. Any number may stand side by side: a token names its own. */
export type JwtKey = z.output<typeof jwtKey>;

/** A key that requests are signed with, and whose it is. */
export type HmacKey = z.output<typeof hmacKey>;

/** Keys as a secret holds them: JSON, `{"keys": [...]}`. */
const SECRETS = {
  "jwt-keys": z.strictObject({
    keys: z
      .array(jwtKey)
      .max(1000)
      .refine((keys) => differ(keys.map(({ kid }) => kid)), { error: "every kid must be another" }),
  }),
  "hmac-keys": z.strictObject({
    keys: z
      .array(hmacKey)
      .max(10_000)
      .refine((keys) => differ(keys.map(({ id }) => id)), { error: "every id must be another" }),
  }),
} as const;

export type KeySecretName = keyof typeof SECRETS;

function differ(names: readonly string[]): boolean {
  return new Set(names).size === names.length;
}

/**
 * Reads the content of the secret `jwt-keys`.
 *
 * @throws SecretError naming the places that are wrong, never a value
 */
export function parseJwtKeys(content: string): readonly JwtKey[] {
  return parse("jwt-keys", SECRETS["jwt-keys"], content).keys;
}

/**
 * Reads the content of the secret `hmac-keys`.
 *
 * @throws SecretError naming the places that are wrong, never a value
 */
export function parseHmacKeys(content: string): readonly HmacKey[] {
  return parse("hmac-keys", SECRETS["hmac-keys"], content).keys;
}

/** The ring of the key that a stack makes for itself, in one of its slots. @param made 44 letters and digits, which are base64url too */
export function generatedRing(made: string, slot: Slot): string {
  return JSON.stringify({ keys: [{ kid: slotName("generated", slot), alg: "HS256", secret: made }] });
}

/** Secrets that have a shape, and what checks it. */
export const SECRET_CHECKS: Readonly<Record<string, (content: string) => unknown>> = {
  "jwt-keys": parseJwtKeys,
  "hmac-keys": parseHmacKeys,
  "backup-key": checkBackupKey,
};

function parse<T>(secret: KeySecretName, schema: z.ZodType<T>, content: string): T {
  const parsed = schema.safeParse(fromJson(secret, content));
  if (parsed.success) return parsed.data;
  // Messages of our own only: zod's would name unknown keys, and somebody may have pasted a secret as one.
  const places = parsed.error.issues.map((issue) => `${issue.path.join(".") || "the whole"}: ${messageOf(issue)}`);
  throw new SecretError(`the secret ${secret} is not as documented (docs/api.md): ${places.join("; ")}`);
}

function messageOf(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case "unrecognized_keys":
      return `has ${issue.keys.length} unknown field(s)`;
    case "invalid_type":
      return `must be ${issue.expected}`;
    default:
      return issue.message;
  }
}

function fromJson(secret: KeySecretName, content: string): unknown {
  try {
    return JSON.parse(content);
  } catch {
    // The parser's message holds a piece of the text.
    throw new SecretError(`the secret ${secret} is no JSON; write {"keys": [...]} as docs/api.md says`);
  }
}
