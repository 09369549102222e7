import { hash } from "node:crypto";
import type { Idempotency } from "../../jobs/job.ts";
import { RequestProblem } from "../problems.ts";

/**
 * Reads the header Idempotency-Key. The fingerprint is of what is asked, not of its bytes: spaces and the order of fields do
 * not matter, and the same key at another address is another request.
 *
 * @param address of the route
 * @throws RequestProblem `invalid-idempotency-key`
 */
export function readIdempotency(header: string | undefined, address: string, body: unknown): Idempotency | undefined {
  if (header === undefined) return undefined;
  if (!/^[\x21-\x7e]{1,255}$/.test(header)) {
    throw new RequestProblem(
      "invalid-idempotency-key",
      `idempotency-key: got ${header.length} characters, must be 1 to 255 visible ASCII characters without spaces; a UUID is good`,
    );
  }
  const fingerprint = hash("sha256", `${address}\n${JSON.stringify(body, inOrder)}`, "buffer");
  return { key: header, fingerprint };
}

function inOrder(_key: string, value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}
