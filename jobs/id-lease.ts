import { randomUUID } from "node:crypto";
import { run, type Queryable } from "./database.ts";
import { createIdMaker, IdRefused, MAX_AHEAD_MS, type IdMaker } from "./ids.ts";
import type { Logger } from "./log.ts";

/** How long a number is ours without renewal, in milliseconds, by the database's clock. */
const LEASE_MS = 60_000;
const RENEW_EVERY_MS = 15_000;
/** No ids in the last part of a lease: ids may run ahead of the clock by that much. */
const MARGIN_MS = MAX_AHEAD_MS + 1000;

const TAKE = {
  name: "id-lease-take",
  text: `UPDATE id_leases SET holder = $1, expires_at = now() + $2 * interval '1 ms'
         WHERE number = (SELECT number FROM id_leases WHERE expires_at < now()
                         ORDER BY expires_at, number LIMIT 1 FOR UPDATE SKIP LOCKED)
         RETURNING number, extract(epoch FROM now()) * 1000 AS now_ms`,
};
const RENEW = {
  name: "id-lease-renew",
  text: `UPDATE id_leases SET expires_at = greatest(expires_at, now() + $2 * interval '1 ms')
         WHERE number = $3 AND holder = $1 RETURNING number, extract(epoch FROM now()) * 1000 AS now_ms`,
};
const RELEASE = {
  name: "id-lease-release",
  // Free again once the database's clock is past the newest id, and not before.
  text: `UPDATE id_leases SET holder = NULL, expires_at = least(expires_at, to_timestamp($3::float8 / 1000))
         WHERE number = $2 AND holder = $1`,
};

/** Ids under a leased number. */
export interface IdLease {
  /** A new id; see {@link IdMaker.next}. */
  next(): string;
  /** Gives the number back. */
  close(): Promise<void>;
}

interface Sync {
  readonly number: number;
  /** The database's clock, told by this machine's monotonic one: steps of the wall clock do not reach it. */
  readonly nowMs: () => number;
  readonly expiresMs: number;
}

/**
 * Leases a number in Postgres and makes ids with it. Numbers cannot clash: a number passes on only when the database's clock
 * is past its lease, and no id is later than the lease it was made under.
 *
 * @throws Error when all 1024 numbers are taken
 */
export async function leaseIds(db: Queryable, log: Logger): Promise<IdLease> {
  const holder = randomUUID();
  let sync = await synchronise(db, TAKE, [holder, LEASE_MS]);
  const maker = createIdMaker(sync.number, () => sync.nowMs());
  const timer = setInterval(() => {
    synchronise(db, RENEW, [holder, LEASE_MS, sync.number]).then(
      (renewed) => (sync = renewed),
      (error: unknown) => {
        log.warn({ err: error }, "the lease on ids could not be renewed; tried again soon");
      },
    );
  }, RENEW_EVERY_MS);
  return {
    next: () => {
      if (sync.nowMs() > sync.expiresMs - MARGIN_MS) {
        throw new IdRefused("the lease on ids ran out because the database did not answer; try again");
      }
      return maker.next();
    },
    close: async () => {
      clearInterval(timer);
      await run(db, RELEASE, [holder, sync.number, newest(maker, sync)]);
    },
  };
}

async function synchronise(db: Queryable, statement: typeof TAKE, values: unknown[]): Promise<Sync> {
  // From before the question: the estimate is never behind the database, so a lease never seems longer than it is.
  const asked = performance.now();
  const [row] = await run<{ number: number; now_ms: string }>(db, statement, values);
  if (!row) throw new Error("no number for ids could be leased: all 1024 are taken, or ours was lost");
  const base = Number(row.now_ms);
  return { number: row.number, nowMs: () => base + (performance.now() - asked), expiresMs: base + LEASE_MS };
}

function newest(maker: IdMaker, sync: Sync): number {
  return Math.max(maker.newestMs() ?? 0, sync.nowMs()) + 1;
}
