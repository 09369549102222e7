import { randomUUID } from "node:crypto";
import { run, type Queryable } from "./database.ts";

/** How long a lease is held without renewal, in milliseconds, by the database's clock. */
const LEASE_MS = 15_000;

const TAKE = {
  name: "lease-take",
  text: `INSERT INTO leases AS l (name, holder, expires_at) VALUES ($1, $2, now() + $3 * interval '1 ms')
         ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, expires_at = excluded.expires_at
           WHERE l.holder = excluded.holder OR l.expires_at < now()
         RETURNING name`,
};
const RELEASE = { name: "lease-release", text: `DELETE FROM leases WHERE name = $1 AND holder = $2` };

/** Work that one process at a time does. */
export interface Lease {
  /**
   * Takes the lease, or renews it when a third of its time is over; gives whether it is ours.
   *
   * It keeps others from doing the same work. It does not keep a process out that stops right after it asked: what must not
   * happen twice has to be safe without it.
   */
  hold(): Promise<boolean>;
  /** Gives it up, so that another one can have it at once. */
  release(): Promise<void>;
}

/** @param leaseMs how long a process that died keeps others waiting @default 15,000 */
export function createLease(db: Queryable, name: string, leaseMs = LEASE_MS): Lease {
  const holder = randomUUID();
  let heldSince = -Infinity;
  return {
    hold: async () => {
      const askedAt = performance.now();
      if (askedAt - heldSince < leaseMs / 3) return true;
      const [mine] = await run(db, TAKE, [name, holder, leaseMs]);
      heldSince = mine ? askedAt : -Infinity;
      return mine !== undefined;
    },
    release: async () => {
      heldSince = -Infinity;
      await run(db, RELEASE, [name, holder]);
    },
  };
}
