import { Client } from "pg";
import type { RuntimeConfig } from "../../configs/runtime.ts";
import { connectionOptions } from "../../jobs/database.ts";
import { Busy } from "../lock.ts";

type Config = RuntimeConfig<"drill">;

/** Number of the advisory lock that lets one drill run at a time. Any constant of our own. */
const DRILL_LOCK = 7_241_003;

/** An hour may pass without a word; networks forget sooner. In milliseconds. */
const KEEP_ALIVE_MS = 60_000;

/**
 * A connection of the product's own role.
 *
 * @throws Error where it does not answer
 */
export async function connectTo(config: Config, place: { readonly host: string; readonly port: number }) {
  const client = new Client({ ...connectionOptions(config), ...place, keepAliveInitialDelayMillis: KEEP_ALIVE_MS });
  client.on("error", () => undefined); // Its next statement fails anyway.
  await client.connect();
  return client;
}

/** Works with the database that serves, over a connection of its own. */
export async function withServing<T>(config: Config, work: (client: Client) => Promise<T>): Promise<T> {
  const client = await connectTo(config, { host: config.DATABASE_HOST, port: config.DATABASE_PORT });
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

/**
 * Works while no other drill of this database does. The lock is the connection's: whatever ends this process gives it back.
 *
 * @throws Busy where another one runs
 */
export async function alone<T>(config: Config, work: () => Promise<T>): Promise<T> {
  return withServing(config, async (client) => {
    const { rows } = await client.query<{ mine: boolean }>(`SELECT pg_try_advisory_lock(${DRILL_LOCK}) AS mine`);
    if (rows[0]?.mine !== true) throw new Busy("drill: another one of this database runs; wait until it has ended");
    return work();
  });
}
