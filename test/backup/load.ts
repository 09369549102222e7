import { setTimeout as sleep } from "node:timers/promises";
import type { Client } from "pg";

/** Writers that leave an oracle behind: each transaction notes what the whole database comes to with it. */
export interface Load {
  /** Transactions that were committed. */
  committed(): number;
  stop(): Promise<void>;
}

/** A row of the ledger: what the database was once its transaction had been committed. */
export interface Entry {
  readonly id: string;
  /** To the microsecond, by Postgres itself. */
  readonly at: string;
  readonly checksum: string;
  readonly position: string;
}

const ACCOUNTS = 40;
const TABLES = `
  CREATE TABLE accounts (id integer PRIMARY KEY, amount bigint NOT NULL DEFAULT 0, note text NOT NULL DEFAULT '');
  INSERT INTO accounts (id) SELECT generate_series(1, ${ACCOUNTS});
  CREATE TABLE ledger (id bigint PRIMARY KEY, checksum text NOT NULL, position pg_lsn NOT NULL DEFAULT pg_current_wal_insert_lsn());
  CREATE TABLE turn (last bigint NOT NULL); INSERT INTO turn VALUES (0);`;

/** Everything that is in the database but the ledger's own newest row. */
const CHECKSUM = `(SELECT md5(string_agg(id || ':' || amount || ':' || note, ',' ORDER BY id)) FROM accounts)
  || (SELECT md5(coalesce(string_agg(id || checksum, ',' ORDER BY id), '')) FROM ledger WHERE id < $1 AND id > $1 - 50)`;

/** One transaction after another, by the lock on \`turn\`: commits come in the order of their numbers. */
async function transact(client: Client): Promise<void> {
  await client.query("BEGIN");
  const { rows } = await client.query<{ last: string }>("UPDATE turn SET last = last + 1 RETURNING last");
  const id = rows[0]?.last ?? "";
  await client.query(
    "UPDATE accounts SET amount = amount + $2, note = md5($1::text) WHERE id IN ($1::bigint % 40 + 1, $1::bigint * 7 % 40 + 1)",
    [id, Number(id) % 1000],
  );
  await client.query(`INSERT INTO ledger (id, checksum) VALUES ($1, ${CHECKSUM})`, [id]);
  await client.query("COMMIT");
}

/** Makes the tables and begins to write. */
export async function startLoad(clients: readonly Client[], pauseMs: number): Promise<Load> {
  await clients[0]?.query(TABLES);
  const state = { isStopped: false, committed: 0 };
  const writers = clients.map(async (client) => {
    while (!state.isStopped) {
      await transact(client);
      state.committed += 1;
      await sleep(pauseMs);
    }
  });
  return {
    committed: () => state.committed,
    stop: async () => {
      state.isStopped = true;
      await Promise.all(writers);
    },
  };
}

const MICROSECONDS = `to_char(%s AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`;
const COMMITTED_AT = MICROSECONDS.replace("%s", "pg_xact_commit_timestamp(xmin)");

/** What the database was at a moment: the last transaction that was committed by then. */
export async function oracleAt(client: Client, moment: string): Promise<Entry | undefined> {
  const { rows } = await client.query<Entry>(
    `SELECT id, checksum, position, ${COMMITTED_AT} AS at FROM ledger WHERE pg_xact_commit_timestamp(xmin) <= $1::timestamptz
     ORDER BY id DESC LIMIT 1`,
    [moment],
  );
  return rows[0];
}

/** Every entry, the oldest first. */
export async function allEntries(client: Client): Promise<Entry[]> {
  const { rows } = await client.query<Entry>(
    `SELECT id, checksum, position, ${COMMITTED_AT} AS at FROM ledger ORDER BY id`,
  );
  return rows;
}

/** What a database is now, by the same measure: the newest entry, and the checksum that it must have noted. */
export async function stateOf(
  client: Client,
): Promise<{ readonly id: string; readonly noted: string; readonly computed: string }> {
  const { rows } = await client.query<{ id: string; noted: string }>(
    "SELECT id, checksum AS noted FROM ledger ORDER BY id DESC LIMIT 1",
  );
  const { id = "0", noted = "" } = rows[0] ?? {};
  const { rows: computed } = await client.query<{ sum: string }>(`SELECT ${CHECKSUM} AS sum`, [id]);
  return { id, noted, computed: computed[0]?.sum ?? "" };
}

/** A moment of the server's clock, a little later each time. */
export async function nowOf(client: Client): Promise<string> {
  const { rows } = await client.query<{ now: string }>(
    `SELECT ${MICROSECONDS.replace("%s", "clock_timestamp()")} AS now`,
  );
  return rows[0]?.now ?? "";
}
