import { chownSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client } from "pg";
import { asNobody, findProgram, freePort, runProgram, startProgram, until, type RunningProgram } from "./programs.ts";

/** A Postgres of the tests' own, with the roles of a stack. */
export interface TestPostgres {
  readonly port: number;
  /** Makes an empty database that slipway_owner owns. */
  createDatabase(): Promise<string>;
  /** Stops the server at once, as a crash would; `start` brings it back with its data. */
  kill(): Promise<void>;
  start(): Promise<void>;
  /** Ends the server and removes its files. */
  close(): Promise<void>;
}

const ROLES = `CREATE ROLE slipway_owner LOGIN; CREATE ROLE slipway_app LOGIN;`;

/**
 * Starts Postgres on a free port in a temporary folder. Everybody is trusted: it listens on 127.0.0.1 only.
 *
 * @param settings as in postgresql.conf, such as `jit=off`
 * @param above where its temporary folder is made
 */
export async function startPostgres(settings: readonly string[] = [], above = tmpdir()): Promise<TestPostgres> {
  const folder = mkdtempSync(join(above, "slipway-postgres-"));
  if (process.getuid?.() === 0) chownSync(folder, 65_534, 65_534);
  const data = join(folder, "data");
  runProgram([...asNobody(), findProgram("initdb"), "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "-N"]);
  const port = await freePort();
  const start = () => startServer(data, folder, port, settings);
  let server = await start();
  let databases = 0;
  await query(port, ROLES);
  return {
    port,
    start: async () => {
      server = await start();
    },
    createDatabase: async () => {
      databases += 1;
      const name = `test_${databases}`;
      await query(port, `CREATE DATABASE ${name} OWNER slipway_owner`);
      return name;
    },
    kill: async () => {
      await server.stop("SIGQUIT");
    },
    close: async () => {
      await server.stop("SIGINT");
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function startServer(
  data: string,
  folder: string,
  port: number,
  settings: readonly string[],
): Promise<RunningProgram> {
  const options = ["-D", data, "-p", String(port), "-k", folder];
  const set = ["max_connections=200", ...settings].flatMap((setting) => ["-c", setting]);
  const server = startProgram([...asNobody(), findProgram("postgres"), ...options, ...set]);
  await until("Postgres accepts connections", () => accepts(port));
  return server;
}

/** Runs SQL as the superuser. */
export async function query(port: number, sql: string, database = "postgres"): Promise<Record<string, unknown>[]> {
  const client = new Client({ host: "127.0.0.1", port, user: "postgres", database });
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows;
  } finally {
    await client.end();
  }
}

async function accepts(port: number): Promise<boolean> {
  return query(port, "SELECT 1").then(
    () => true,
    () => false,
  );
}
