import { hash } from "node:crypto";
import type { JobFilter } from "../../jobs/reads.ts";
import { RequestProblem } from "../problems.ts";
import { MAX_ID } from "../schemas/job.ts";

const ID_BYTES = 8;
const BOND_BYTES = 12;

/**
 * Where a list goes on: an id, bound to tenant and filters. The bond keeps cursors from being mixed up; it is no protection,
 * and none is needed: a list shows only jobs of its tenant, wherever it begins.
 */
export function writeCursor(tenant: string, filter: JobFilter, id: string): string {
  const bytes = Buffer.alloc(ID_BYTES);
  bytes.writeBigUInt64BE(BigInt(id));
  return Buffer.concat([bytes, bondOf(tenant, filter, bytes)]).toString("base64url");
}

/**
 * The id in a cursor; of no cursor the largest one.
 *
 * @throws RequestProblem `invalid-cursor` when it was made for another list, or by nobody
 */
export function readCursor(tenant: string, filter: JobFilter, cursor: string | undefined): string {
  if (cursor === undefined) return MAX_ID.toString();
  const bytes = Buffer.from(cursor, "base64url");
  const id = bytes.subarray(0, ID_BYTES);
  const whole = bytes.length === ID_BYTES + BOND_BYTES && bytes.toString("base64url") === cursor;
  if (!whole || !bytes.subarray(ID_BYTES).equals(bondOf(tenant, filter, id))) {
    throw new RequestProblem(
      "invalid-cursor",
      "cursor: is not one of this list; send nextCursor of the page before with the same filters, or begin without",
    );
  }
  return (id.readBigUInt64BE() & MAX_ID).toString();
}

function bondOf(tenant: string, { state, kind, queue }: JobFilter, id: Buffer): Buffer {
  const text = JSON.stringify(["slipway-cursor-1", tenant, state, kind, queue, id.toString("hex")]);
  return hash("sha256", text, "buffer").subarray(0, BOND_BYTES);
}
