import type Docker from "dockerode";
import { slotKey, slotName, type Slot } from "../configs/credential-slots.ts";
import { roleName, SECOND_REDIS_USER } from "../infra/logins.ts";
import { UserError } from "../toolchain/command.ts";
import { SERVICE_LABEL, STACK_LABEL } from "./agent.ts";
import { exitCode, readLines } from "./exec.ts";
import type { StackRotating } from "./rotating.ts";
import type { Checks, Taken } from "./rotation-run.ts";

/** Runs a script in the place where a service of the stack stands. */
export interface Inside {
  /**
   * @param input for its standard input: what no command line may have
   * @returns what it wrote to standard output and how it ended
   */
  run(service: "postgres" | "redis", script: string, input?: string): Promise<{ output: string; code: number }>;
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
    const cli = `redis-cli --no-auth-warning --user ${userOf(slot)} ${command}`;
    return inside.run("redis", `read -r REDISCLI_AUTH; export REDISCLI_AUTH; ${cli}`, `${password ?? ""}\n`);
  };
  return {
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

function together(logins: readonly boolean[]): Taken {
  if (logins.every(Boolean)) return "accepted";
  return logins.some(Boolean) ? "mixed" : "refused";
}

function lines(text: string): string[] {
  return text.trim().split("\n").filter(Boolean);
}

/** The containers of a stack on a Docker engine. */
export function insideDocker(docker: Docker, stack: string): Inside {
  return {
    run: async (service, script, input = "") => {
      const filters = { label: [`${STACK_LABEL}=${stack}`, `${SERVICE_LABEL}=${service}`] };
      const [found] = await docker.listContainers({ filters });
      if (found === undefined)
        throw new UserError(`The stack ${stack} has no container of ${service} that runs. Is it up? make up`);
      const exec = await docker.getContainer(found.Id).exec({
        ...{ Cmd: ["/bin/bash", "-c", script], AttachStdin: true, AttachStdout: true, AttachStderr: true },
      });
      const stream = await exec.start({ hijack: true, stdin: true });
      const output: string[] = [];
      const read = readLines(docker, stream, { onLine: (line) => output.push(line), onLogLine: () => undefined });
      stream.end(input);
      await read;
      return { output: output.join("\n"), code: await exitCode(exec) };
    },
  };
}
