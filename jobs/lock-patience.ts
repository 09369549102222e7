import { setTimeout as sleep } from "node:timers/promises";
import { DatabaseError, type Client } from "pg";
import type { Logger } from "./log.ts";

/**
 * How long a migration's statement waits for a lock, in milliseconds. All that comes after it waits behind it, reads among them: so it is
 * far less than what a request may take, and it comes again instead.
 */
export const LOCK_TIMEOUT_MS = 1000;

/** How long it comes again, in milliseconds. */
const PATIENCE_MS = 300_000;

const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 4000;

const LOCK_NOT_AVAILABLE = "55P03";

export interface LockPatienceOptions {
  readonly client: Client;
  /** What needs the locks, as it stands in messages. */
  readonly what: string;
  readonly log: Logger;
  /** In milliseconds. @default 300,000 */
  readonly forMs?: number | undefined;
}

/** Others held what was needed for longer than it was waited for. */
export class LocksHeld extends Error {
  override readonly name = "LocksHeld";
}

/**
 * Does something that needs locks on tables which serve. Where it does not get them within {@link LOCK_TIMEOUT_MS} it comes again, and
 * requests go on in between.
 *
 * @param work leaves no transaction open where it fails
 * @throws LocksHeld naming who holds what
 */
export async function untilLocked<T>(work: () => Promise<T>, options: LockPatienceOptions): Promise<T> {
  const { client, what, log, forMs = PATIENCE_MS } = options;
  const deadline = performance.now() + forMs;
  let before: readonly Holder[] = [];
  for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(pause * 2, LONGEST_PAUSE_MS)) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof DatabaseError) || error.code !== LOCK_NOT_AVAILABLE) throw error;
      const { rows } = await client.query<Holder>(HOLDERS);
      const holders = lasting(rows, before);
      before = rows;
      if (performance.now() + pause > deadline) throw new LocksHeld(heldText(forMs, holders), { cause: error });
      log.warn({ what, holders: holders.map(textOf), pauseMilliseconds: pause }, "a lock is held; trying again");
    }
    await sleep(pause);
  }
}

/** A transaction that has a lock on a table. */
interface Holder {
  readonly pid: number;
  readonly name: string;
  readonly transaction: string;
  readonly mode: string;
  readonly relation: string;
}

const HOLDERS = `SELECT pid, coalesce(nullif(application_name, ''), usename, 'somebody') AS name,
    virtualtransaction AS transaction, mode, relation::regclass::text AS relation
  FROM pg_locks JOIN pg_stat_activity USING (pid) JOIN pg_class ON pg_class.oid = relation
  WHERE granted AND locktype = 'relation' AND relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) AND pid <> pg_backend_pid()
  ORDER BY pid, relation`;

/** Those that were there the last time too: requests have their locks for a moment. */
function lasting(holders: readonly Holder[], before: readonly Holder[]): readonly Holder[] {
  return holders.filter(({ transaction }) => before.some((one) => one.transaction === transaction));
}

const textOf = ({ name, pid, mode, relation }: Holder) => `${name} (process ${pid}) has ${mode} on ${relation}`;

function heldText(forMs: number, holders: readonly Holder[]): string {
  const who = holders.length === 0 ? "others have them, each for a moment" : holders.map(textOf).join("; ");
  const pid = holders[0]?.pid ?? "PROCESS";
  return (
    `the locks that it needs were not free for ${Math.round(forMs / 1000)} s: ${who}. ` +
    `Deploy again when that is over, or end it: SELECT pg_terminate_backend(${pid})`
  );
}
