import { createHash, createHmac, pbkdf2Sync, randomBytes } from "node:crypto";

/** Rounds that Postgres itself takes (`scram_iterations`). */
const ROUNDS = 4096;
const SALT_BYTES = 16;

/**
 * A password as Postgres keeps it: by the verifier it can be checked, not read. `ALTER ROLE ... PASSWORD` takes it in place of the password, which
 * then stands in no statement that a server might log. RFC 5802; the form is that of Postgres' documentation (pg_authid).
 *
 * @param password ASCII, as the stack's passwords are: others would have to be normalised (SASLprep)
 * @param salt     @default random
 */
export function scramVerifier(password: string, salt: Buffer = randomBytes(SALT_BYTES)): string {
  const salted = pbkdf2Sync(password, salt, ROUNDS, 32, "sha256");
  const hmac = (text: string) => createHmac("sha256", salted).update(text).digest();
  const stored = createHash("sha256").update(hmac("Client Key")).digest("base64");
  return `SCRAM-SHA-256$${ROUNDS}:${salt.toString("base64")}$${stored}:${hmac("Server Key").toString("base64")}`;
}
