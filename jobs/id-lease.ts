import { randomUUID } from "node:crypto";
import { run, type Queryable } from "./database.ts";
import { createIdMaker, IdRefused, MAX_AHEAD_MS, type IdMaker } from "./ids.ts";
import type { Logger } from "./log.ts";

/** How long a number is ours without renewal, in milliseconds; renewed four times as often. */
const LEASE_MS = 60_000;
/** Pause before a renewal that failed is tried again, in milliseconds. */
const RETRY_MS = 1000;
/** No ids in the last part of a lease: ids may run ahead of the clock by that much. */
const MARGIN_MS = MAX_AHEAD_MS + 1000;

/** What statements tell: the database's clock, and the end of the lease by it. */
const TOLD = `number, extract(epoch FROM now()) * 1000 AS now_ms, extract(epoch FROM expires_at) * 1000 AS expires_ms`;
const TAKE = {
  name: "id-lease-take",
  text: `UPDATE id_leases SET holder = $1, expires_at = now() + $2 * interval '1 ms'
         WHERE number = (SELECT number FROM id_leases WHERE expires_at < now()
                         ORDER BY expires_at, number LIMIT 1 FOR UPDATE SKIP LOCKED)
         RETURNING ${TOLD}`,
};
const RENEW = {
  name: "id-lease-renew",
  // $4 is the moment of our newest id: it may be ahead of a clock that stepped back, and the lease has to
  // cover what comes after it.
  text: `UPDATE id_leases
         SET expires_at = greatest(expires_at, greatest(now(), to_timestamp($4::float8 / 1000)) + $2 * interval '1 ms')
         WHERE number = $3 AND holder = $1 RETURNING ${TOLD}`,
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
  state(): IdLeaseState;
  /** Gives the number back. */
  close(): Promise<void>;
}

/** How a lease stands. */
export interface IdLeaseState {
  /** Until no more ids are made unless it is renewed; 0 when it has come to that. */
  readonly secondsLeft: number;
  /** Renewals that failed since the start of the process. */
  readonly failures: number;
}

/** A number and what is known of the time. */
interface Hold {
  readonly holder: string;
  readonly number: number;
  readonly maker: IdMaker;
  /**
   * The clock of the ids: the database's, told on by this machine's monotonic one, so that steps of the wall clock do not
   * reach it. Where the database's own clock steps back, it goes on from where it was.
   */
  readonly nowMs: () => number;
  readonly expiresMs: number;
}

/**
 * Leases a number in Postgres, makes ids with it, and renews the lease until it is closed.
 *
 * @throws Error when all 1024 numbers are taken
 */
export async function leaseIds(db: Queryable, log: Logger, leaseMs = LEASE_MS): Promise<IdLease> {
  const keeper = await IdKeeper.open(db, log, leaseMs);
  let closed = false;
  let timer = plan(leaseMs / 4);
  let renewal = Promise.resolve();
  let failures = 0;
  function plan(pauseMs: number): NodeJS.Timeout {
    return setTimeout(() => {
      renewal = renew();
    }, pauseMs);
  }
  async function renew(): Promise<void> {
    let pauseMs = leaseMs / 4;
    try {
      await keeper.renew();
    } catch (error) {
      pauseMs = RETRY_MS;
      failures += 1;
      log.warn({ err: error }, "the lease on ids could not be renewed; tried again in a second");
    }
    if (!closed) timer = plan(pauseMs);
  }
  return {
    next: () => keeper.next(),
    state: () => ({ secondsLeft: keeper.secondsLeft(), failures }),
    close: async () => {
      closed = true;
      clearTimeout(timer);
      await renewal;
      await keeper.close();
    },
  };
}

/**
 * Ids under a lease that somebody renews.
 *
 * Two ids cannot be the same: a number passes on only when the database's clock is past its lease, ids of the next holder are
 * not older than that, and no id is younger than the lease that it was made under. No clock has to be right for that: the
 * moment that an id bears is what is compared with the lease. A process that was stopped for longer than its lease makes no ids
 * when it wakes up, until it has renewed it or leased another number.
 */
export class IdKeeper {
  readonly #db: Queryable;
  readonly #log: Logger;
  readonly #leaseMs: number;
  #hold: Hold;

  private constructor(db: Queryable, log: Logger, leaseMs: number, hold: Hold) {
    this.#db = db;
    this.#log = log;
    this.#leaseMs = leaseMs;
    this.#hold = hold;
  }

  /** @throws Error when all 1024 numbers are taken */
  static async open(db: Queryable, log: Logger, leaseMs = LEASE_MS): Promise<IdKeeper> {
    return new IdKeeper(db, log, leaseMs, await take(db, leaseMs));
  }

  /** @throws IdRefused when the lease ran out, or for the reasons of {@link IdMaker.next} */
  next(): string {
    // Read once: a process that is stopped after the check must not make an id of a later moment than it checked.
    const nowMs = this.#hold.nowMs();
    if (nowMs > this.#hold.expiresMs - MARGIN_MS) {
      throw new IdRefused("the lease on ids ran out because the database did not answer; try again");
    }
    return this.#hold.maker.next(nowMs);
  }

  /** Until ids are refused, 0 or more. */
  secondsLeft(): number {
    return Math.max(0, this.#hold.expiresMs - MARGIN_MS - this.#hold.nowMs()) / 1000;
  }

  /** Renews the lease, or leases another number where this one passed on. */
  async renew(): Promise<void> {
    const renewed = await extend(this.#db, this.#leaseMs, this.#hold);
    if (!renewed) this.#log.warn({ number: this.#hold.number }, "the number for ids passed on; another one is leased");
    this.#hold = renewed ?? (await take(this.#db, this.#leaseMs));
  }

  async close(): Promise<void> {
    const { holder, number, maker } = this.#hold;
    await run(this.#db, RELEASE, [holder, number, (maker.newestMs() ?? 0) + 1]);
  }
}

interface Told {
  number: number;
  now_ms: string;
  expires_ms: string;
}

async function take(db: Queryable, leaseMs: number): Promise<Hold> {
  const holder = randomUUID();
  const askedAt = performance.now();
  const [told] = await run<Told>(db, TAKE, [holder, leaseMs]);
  if (!told) throw new Error("no number for ids could be leased: all 1024 are taken");
  const nowMs = clockFrom(Number(told.now_ms), askedAt);
  const { number } = told;
  return { holder, number, maker: createIdMaker(number), nowMs, expiresMs: Number(told.expires_ms) };
}

/** Gives `undefined` when the number is somebody else's by now. */
async function extend(db: Queryable, leaseMs: number, hold: Hold): Promise<Hold | undefined> {
  const askedAt = performance.now();
  const newestMs = hold.maker.newestMs() ?? 0;
  const [told] = await run<Told>(db, RENEW, [hold.holder, leaseMs, hold.number, newestMs]);
  if (!told) return undefined;
  // Where the database's clock stepped back, the newest id must not be too far ahead of this one.
  const nowMs = clockFrom(Math.max(Number(told.now_ms), newestMs - MAX_AHEAD_MS / 2), askedAt);
  return { ...hold, nowMs, expiresMs: Number(told.expires_ms) };
}

/** From before the question: the estimate is never behind the database's clock. */
function clockFrom(atMs: number, askedAt: number): () => number {
  return () => atMs + (performance.now() - askedAt);
}
