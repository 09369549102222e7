import { Redis } from "ioredis";
import { Client, DatabaseError } from "pg";
import { z } from "zod";
import type { RuntimeConfig } from "../configs/runtime.ts";
import { connectionOptions, verifiedTls } from "./database.ts";
import { SCHEMA_LEVEL } from "./schema-level.ts";

/** Where both servers are, and who this process comes as itself. */
type Place = RuntimeConfig<"api">;

/** What is asked of a login. */
export const questionSchema = z.discriminatedUnion("ask", [
  z.strictObject({ ask: z.literal("database"), user: z.string(), password: z.string() }),
  z.strictObject({ ask: z.literal("redis"), user: z.string().optional(), password: z.string() }),
  z.strictObject({ ask: z.literal("users"), roles: z.array(z.string()) }),
]);
export type Question = z.infer<typeof questionSchema>;

/** Whether a login is taken; or who is there by roles of Postgres, a line each. */
export const answerSchema = z.union([
  z.strictObject({ taken: z.boolean() }),
  z.strictObject({ users: z.array(z.string()) }),
]);
export type Answer = z.infer<typeof answerSchema>;

/** @throws Error where a server does not say: no answer is not a refusal */
export async function answer(config: Place, asked: unknown): Promise<Answer> {
  const question = questionSchema.parse(asked);
  switch (question.ask) {
    case "database":
      return { taken: await isTakenByPostgres(config, question.user, question.password) };
    case "redis":
      return { taken: await isTakenByRedis(config, question.user, question.password) };
    case "users":
      return { users: await sessions(config, question.roles) };
  }
}

/** As the services of its release are. */
const optionsOf = (config: Place) => connectionOptions({ ...config, schemaLevel: SCHEMA_LEVEL });

/** A password that is wrong, and a role that may not log in or is not there. */
const REFUSED = ["28P01", "28000"];

async function isTakenByPostgres(config: Place, user: string, password: string): Promise<boolean> {
  try {
    await withClient(new Client({ ...optionsOf(config), user, password }), (client) => client.query("SELECT 1"));
    return true;
  } catch (error) {
    if (error instanceof DatabaseError && REFUSED.includes(error.code ?? "")) return false;
    throw error;
  }
}

/** Roles and names of programs everybody may see. */
function sessions(config: Place, roles: readonly string[]): Promise<string[]> {
  const query =
    "SELECT format('%s (%s, %s)', usename, application_name, count(*)) AS line FROM pg_stat_activity " +
    "WHERE usename = ANY($1) GROUP BY usename, application_name ORDER BY 1";
  return withClient(new Client(optionsOf(config)), async (client) => {
    const { rows } = await client.query<{ line: string }>(query, [roles]);
    return rows.map(({ line }) => line);
  });
}

async function withClient<T>(client: Client, use: (client: Client) => Promise<T>): Promise<T> {
  client.on("error", () => undefined); // Its next statement fails anyway.
  await client.connect();
  try {
    return await use(client);
  } finally {
    await client.end();
  }
}

async function isTakenByRedis(config: Place, username: string | undefined, password: string): Promise<boolean> {
  const redis = new Redis({
    ...{ host: config.REDIS_HOST, port: config.REDIS_PORT, ...(username !== undefined && { username }), password },
    ...{ lazyConnect: true, connectTimeout: 5000, retryStrategy: () => null, enableOfflineQueue: false },
    ...(config.REDIS_TLS === "verify" ? { tls: verifiedTls(config.REDIS_CA_FILE) } : {}),
  });
  // Why a connection is closed is told here alone.
  const faults: Error[] = [];
  redis.on("error", (error) => faults.push(error));
  try {
    await redis.connect();
    await redis.ping();
    return true;
  } catch (error) {
    if (faults.some(({ message }) => message.startsWith("WRONGPASS"))) return false;
    throw faults.at(-1) ?? error;
  } finally {
    redis.disconnect();
  }
}
