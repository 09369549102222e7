import { createCoalescer, type Coalescer } from "../../jobs/coalesce.ts";
import { run, type Queryable } from "../../jobs/database.ts";

/** Nonces that may wait to be taken. */
const MAX_WAITING = 2000;
const MAX_ITEMS = 500;

const TAKE = {
  name: "nonces-take",
  // In order, so that two statements cannot wait for each other.
  text: `INSERT INTO request_nonces (key_id, nonce, expires_at)
         SELECT key_id, nonce, now() + $3 * interval '1 s'
         FROM (SELECT DISTINCT * FROM unnest($1::text[], $2::text[]) AS n(key_id, nonce)) n ORDER BY key_id, nonce
         ON CONFLICT DO NOTHING RETURNING key_id, nonce`,
};

/** A request that was signed. */
export interface Nonce {
  readonly keyId: string;
  readonly nonce: string;
}

/** Remembers signed requests in Postgres: an emptied Redis must not let one in twice. Gives whether it was new. */
export function createNonces(db: Queryable, keepSeconds: number): Coalescer<Nonce, boolean> {
  return createCoalescer({
    what: "taking signed requests",
    maxItems: MAX_ITEMS,
    maxWaiting: MAX_WAITING,
    work: async (nonces) => {
      const values = [nonces.map((n) => n.keyId), nonces.map((n) => n.nonce), keepSeconds];
      const rows = await run<{ key_id: string; nonce: string }>(db, TAKE, values);
      const taken = new Set(rows.map((row) => `${row.key_id} ${row.nonce}`));
      // Of two that came together the first one is new.
      return nonces.map(({ keyId, nonce }) => taken.delete(`${keyId} ${nonce}`));
    },
  });
}
