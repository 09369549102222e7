import { run, type Queryable } from "./database.ts";
import type { Idempotency } from "./job.ts";

/** How long a key stands for what it made, in milliseconds: a day. */
export const KEY_LIFETIME_MS = 24 * 60 * 60 * 1000;

/** What became of a job or batch that was asked for. */
export type InsertOutcome =
  | { readonly is: "made"; readonly createdAt: Date }
  /** The key's first request made this one; nothing was written now. */
  | { readonly is: "known"; readonly id: string }
  /** The key belongs to another request. */
  | { readonly is: "conflict" };

/**
 * Takes keys, as a part of a statement over rows `asked` (id, tenant, key, fingerprint): a key that ran out is free.
 * Those of `asked` that may go on are `keyed.target_id`. In the order of the keys, so that two statements cannot wait for each other.
 *
 * @param lifetime placeholder of a number of milliseconds, such as `$9`
 */
export function takeKeys(lifetime: string): string {
  return `INSERT INTO idempotency_keys AS k (tenant, key, fingerprint, target_id, expires_at)
           SELECT tenant, key, fingerprint, id, now() + ${lifetime} * interval '1 ms' FROM asked
           WHERE key IS NOT NULL ORDER BY tenant, key
           ON CONFLICT (tenant, key) DO UPDATE
             SET fingerprint = excluded.fingerprint, target_id = excluded.target_id, expires_at = excluded.expires_at
             WHERE k.expires_at < now()
           RETURNING target_id`;
}

const LOOK_UP = {
  name: "idempotency-look-up",
  text: `SELECT tenant, key, fingerprint, target_id
         FROM unnest($1::text[], $2::text[]) AS a(tenant, key) JOIN idempotency_keys k USING (tenant, key)
         WHERE k.expires_at >= now()`,
};

interface KeyRow {
  tenant: string;
  key: string;
  fingerprint: Buffer;
  target_id: string;
}

/** What keys that were taken already stand for; `undefined` for one that has run out meanwhile. */
export async function lookUpKeys(
  db: Queryable,
  asked: readonly { readonly tenant: string; readonly idempotency: Idempotency }[],
): Promise<(InsertOutcome | undefined)[]> {
  const keys = asked.map((a) => a.idempotency.key);
  const rows = await run<KeyRow>(db, LOOK_UP, [asked.map((a) => a.tenant), keys]);
  const known = new Map(rows.map((row) => [`${row.tenant} ${row.key}`, row]));
  return asked.map(({ tenant, idempotency }) => {
    const row = known.get(`${tenant} ${idempotency.key}`);
    if (!row) return undefined;
    return row.fingerprint.equals(idempotency.fingerprint) ? { is: "known", id: row.target_id } : { is: "conflict" };
  });
}
