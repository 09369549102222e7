import { setTimeout as sleep } from "node:timers/promises";

/** What sessions of people do to a table that serves, and for how long, in seconds. */
const LOCKS = [
  // An index that is made by hand: nobody writes.
  ["SHARE", 3],
  // A report that reads for long. Nobody is in its way but who alters the table, and all who come behind that one.
  ["ACCESS SHARE", 12],
  // A table that is altered by hand: nobody reads.
  ["ACCESS EXCLUSIVE", 1.5],
] as const;

const PAUSE_MS = 1000;

/** Locks the table of jobs in one way after another until it is stopped. @param sql runs statements as the superuser */
export function startLockHolder(sql: (text: string) => Promise<string>): { stop(): Promise<number> } {
  let [isOver, times] = [false, 0];
  const held = (async () => {
    for (; !isOver; times++) {
      const [mode, seconds] = LOCKS[times % LOCKS.length] ?? LOCKS[0];
      await sql(`BEGIN; LOCK TABLE jobs IN ${mode} MODE; SELECT pg_sleep(${seconds}); COMMIT`);
      await sleep(PAUSE_MS);
    }
  })();
  return {
    stop: async () => {
      isOver = true;
      await held;
      return times;
    },
  };
}
