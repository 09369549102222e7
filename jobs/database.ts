import { readFileSync } from "node:fs";
import { DatabaseError, Pool, type ClientConfig, type QueryConfig, type QueryResult, type QueryResultRow } from "pg";
import type { DatabaseConfig, Program } from "../configs/runtime.ts";
import type { Logger } from "./log.ts";

/** What runs statements: a pool, or one connection of it inside a transaction. */
export interface Queryable {
  query<Row extends QueryResultRow>(statement: QueryConfig): Promise<QueryResult<Row>>;
}

/** A statement of a hot path, prepared once per connection under its name. */
export interface Statement {
  readonly name: string;
  readonly text: string;
}

/** Runs a named statement and gives its rows. */
export async function run<Row extends QueryResultRow>(
  db: Queryable,
  statement: Statement,
  values: unknown[] = [],
): Promise<Row[]> {
  const { rows } = await db.query<Row>({ name: statement.name, text: statement.text, values });
  return rows;
}

/** The part of the configuration that reaches a database. */
export interface DatabaseSettings extends Omit<DatabaseConfig, "program" | "secrets" | "secretsDirectory"> {
  readonly program: Program;
  readonly secrets: { readonly "database-password": string };
  /**
   * Of the schema that the program's code needs, for services of a release: a migration that takes something away waits until nobody needs an
   * older one. Whoever serves every level has none: the agent of backups is in Postgres' pod, and its image must not change with each migration.
   */
  readonly schemaLevel?: number;
  /** Whose rights it has. @default its own */
  readonly DATABASE_ROLE?: "slipway_app";
}

/** Options of one connection. The password comes from the secret file, never from the environment. */
export function connectionOptions(settings: DatabaseSettings): ClientConfig {
  return {
    host: settings.DATABASE_HOST,
    port: settings.DATABASE_PORT,
    database: settings.DATABASE_NAME,
    user: settings.DATABASE_USER,
    password: settings.secrets["database-password"],
    application_name: `slipway-${settings.program}${settings.schemaLevel === undefined ? "" : `/${settings.schemaLevel}`}`,
    connectionTimeoutMillis: 5000,
    keepAlive: true,
    ssl: settings.DATABASE_TLS === "verify" ? verifiedTls(settings.DATABASE_CA_FILE) : false,
  };
}

/** TLS that checks the server's certificate, against the given authority or the machine's own. */
export function verifiedTls(caFile: string | undefined): { rejectUnauthorized: true; ca?: string } {
  return caFile === undefined
    ? { rejectUnauthorized: true }
    : { rejectUnauthorized: true, ca: readFileSync(caFile, "utf8") };
}

/**
 * Every statement of ours looks up few rows by an index. A plan is kept for the life of a connection, and one that was made while a
 * table was small would read all of it when it has grown: so those plans are not offered.
 */
const PLANNER = "-c enable_seqscan=off -c enable_hashjoin=off -c enable_mergejoin=off -c jit=off";

/** No statement of ours is slow: one that is must not hold a connection for ever. In milliseconds. */
const STATEMENT_MS = 8000;
/** A server that says nothing for so long after a statement is dead, and its connection is given up. In milliseconds. */
const SILENCE_MS = 9000;

/** Connections are opened when first needed; a broken idle one is logged and replaced. */
export function openDatabase(settings: DatabaseSettings, log: Logger): Pool {
  const pool = new Pool({
    ...connectionOptions(settings),
    options: settings.DATABASE_ROLE === undefined ? PLANNER : `${PLANNER} -c role=${settings.DATABASE_ROLE}`,
    max: settings.DATABASE_POOL_SIZE,
    statement_timeout: STATEMENT_MS,
    query_timeout: SILENCE_MS,
  });
  pool.on("error", (error) => {
    log.warn({ err: error }, "an idle database connection broke");
  });
  pool.on("connect", (client) => {
    // One that is lent and breaks between two statements would end the process; its next statement fails anyway.
    client.on("error", () => undefined);
  });
  return pool;
}

/** Classes of SQLSTATE that speak of the server, not of the statement: connection, resources, operator, crash. */
const SERVER_CLASSES = new Set(["08", "53", "57", "58"]);
const NETWORK_CODES = new Set([
  "ECONNREFUSED",
  "ECONNRESET",
  "ENOTFOUND",
  "EAI_AGAIN",
  "ETIMEDOUT",
  "EPIPE",
  "EHOSTUNREACH",
]);
/** What the driver says without a code. */
const DRIVER_MESSAGES =
  /^(Connection terminated|timeout exceeded when trying to connect|Query read timeout|timeout expired)/;

/** Whether an error means that the database cannot be used for the moment, so that the same request may work later. */
export function isDatabaseAway(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if (error instanceof AggregateError) return error.errors.some(isDatabaseAway);
  const code = "code" in error && typeof error.code === "string" ? error.code : "";
  if (error instanceof DatabaseError) return SERVER_CLASSES.has(code.slice(0, 2));
  return NETWORK_CODES.has(code) || DRIVER_MESSAGES.test(error.message);
}

/** Classes of SQLSTATE that lay the fault on the values: cardinality, data, constraints, limits of one row. */
const DATA_CLASSES = new Set(["21", "22", "23", "54"]);

/** Whether an error says that the values of a statement are wrong. */
export function isDataError(error: unknown): boolean {
  return error instanceof DatabaseError && DATA_CLASSES.has(error.code?.slice(0, 2) ?? "");
}

/** Deadlock, and a serialisation that failed: the statement did nothing, and works when it comes again. */
const CONFLICTS = new Set(["40P01", "40001"]);
const CONFLICT_TRIES = 5;

/**
 * Runs one statement that is a transaction of its own, again when it lost against another one.
 *
 * @param db a pool, or a connection outside of a transaction
 */
export async function runAlone<Row extends QueryResultRow>(
  db: Queryable,
  statement: Statement,
  values: unknown[] = [],
): Promise<Row[]> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await run<Row>(db, statement, values);
    } catch (error) {
      if (!(error instanceof DatabaseError) || !CONFLICTS.has(error.code ?? "") || tries === CONFLICT_TRIES)
        throw error;
    }
  }
}
