import { slotKey, slotName, type Slot } from "../configs/credential-slots.ts";
import { roleName, SECOND_REDIS_USER } from "../infra/logins.ts";
import type { Output } from "../toolchain/lines.ts";
import type { StackRotating } from "./rotating.ts";
import type { Checks, Taken } from "./rotation-run.ts";

/** A server that the stack brings along. */
export type OwnServer = "postgres" | "redis";

/** Runs a script in the place where a service of the stack stands. */
export interface Inside {
  /**
   * @param input for its standard input: what no command line may have
   * @returns what it wrote to standard output and how it ended
   */
  run(service: OwnServer, script: string, input?: string): Promise<Output>;
  /** What clients of Redis have to say there, beside who they are. */
  readonly redisOptions: string;
  /** As {@link Checks.deployed}. */
  readonly deployed?: (service: OwnServer) => Promise<void>;
}

type Secrets = Pick<StackRotating, "secret">;

/** Only whoever has the secret at hand can say what a server does with it: the stack's state has it, and standard input brings it there. */
export function databaseChecks(inside: Inside, secrets: Secrets): Checks {
  const login = async (role: "app" | "owner", slot: Slot): Promise<boolean> => {
    const key = role === "app" ? "databasePassword" : "databaseOwnerPassword";
    const password = await secrets.secret(
      slotKey(key, slot),
      slotName(role === "app" ? "database-password" : "database-owner-password", slot),
    );
    const psql = `psql -w -h 127.0.0.1 -U ${roleName(role, slot)} -d slipway -Atc 'SELECT 1'`;
    const { output } = await inside.run(
      "postgres",
      `read -r PGPASSWORD; export PGPASSWORD; ${psql}`,
      `${password ?? ""}\n`,
    );
    return output.trim() === "1";
  };
  return {
    ...deployedOf(inside, "postgres"),
    taken: async (slot) => together([await login("app", slot), await login("owner", slot)]),
    users: async (slot) => {
      const roles = (["app", "owner"] as const).map((role) => `'${roleName(role, slot)}'`).join(", ");
      const query =
        "SELECT format('%s (%s, %s)', usename, application_name, count(*)) FROM pg_stat_activity " +
        `WHERE usename IN (${roles}) GROUP BY usename, application_name ORDER BY 1`;
      const { output, code } = await inside.run("postgres", `psql -w -h /tmp -U postgres -d postgres -Atc "${query}"`);
      // An answer that did not come is not an empty one.
      if (code !== 0) return [`unknown: Postgres did not say (${output.trim()})`];
      return lines(output);
    },
  };
}

export function redisChecks(inside: Inside, secrets: Secrets): Checks {
  const userOf = (slot: Slot) => (slot === "first" ? "default" : SECOND_REDIS_USER);
  const ask = async (slot: Slot, command: string) => {
    const password = await secrets.secret(slotKey("redisPassword", slot), slotName("redis-password", slot));
    const cli = `redis-cli --no-auth-warning ${inside.redisOptions} --user ${userOf(slot)} ${command}`;
    return inside.run("redis", `read -r REDISCLI_AUTH; export REDISCLI_AUTH; ${cli}`, `${password ?? ""}\n`);
  };
  return {
    ...deployedOf(inside, "redis"),
    taken: async (slot) => together([(await ask(slot, "ping")).output.trim() === "PONG"]),
    users: async (slot) => {
      const { output } = await ask(slot === "first" ? "second" : "first", "client list");
      const clients = lines(output);
      if (!clients.every((line) => line.startsWith("id="))) return [`unknown: Redis did not say (${output.trim()})`];
      return clients
        .filter((line) => line.includes(` user=${userOf(slot)} `))
        .map((line) => / addr=(\S+)/.exec(line)?.[1] ?? line);
    },
  };
}

function deployedOf({ deployed }: Inside, service: OwnServer): Pick<Checks, "deployed"> {
  return deployed === undefined ? {} : { deployed: () => deployed(service) };
}

/** @param logins whether each was taken */
export function together(logins: readonly boolean[]): Taken {
  if (logins.every(Boolean)) return "accepted";
  return logins.some(Boolean) ? "mixed" : "refused";
}

function lines(text: string): string[] {
  return text.trim().split("\n").filter(Boolean);
}
