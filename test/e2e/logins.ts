import { execFile } from "node:child_process";
import type { E2eStack } from "./stack.ts";

/** The programs that log in, by service. The password comes by standard input: no command line has it. */
const LOGINS = {
  postgres: (user: string) =>
    `read -r PGPASSWORD; export PGPASSWORD; psql -w -h 127.0.0.1 -U ${user} -d slipway -Atc 'SELECT 1'`,
  redis: (user: string) =>
    `read -r REDISCLI_AUTH; export REDISCLI_AUTH; redis-cli --no-auth-warning --user ${user} ping`,
} as const;

/** Whether a login really works, over TCP. */
export async function logsIn(
  stack: E2eStack,
  service: keyof typeof LOGINS,
  user: string,
  password: string,
): Promise<boolean> {
  const output = await inside(stack, service, LOGINS[service](user), `${password}\n`);
  return /^(1|PONG)$/.test(output.trim());
}

/** Runs a script in the container of a service; what it printed. */
export async function inside(stack: E2eStack, service: string, script: string, input = ""): Promise<string> {
  const [name = ""] = await stack.containers(service);
  return new Promise((resolve) => {
    const child = execFile("docker", ["exec", "-i", name, "bash", "-c", script], (_error, stdout, stderr) => {
      resolve(stdout + stderr);
    });
    child.stdin?.on("error", () => undefined);
    child.stdin?.end(input);
  });
}

interface State {
  readonly deployment: {
    readonly resources: readonly {
      readonly urn: string;
      readonly type: string;
      readonly outputs?: { readonly result?: { readonly plaintext: string } };
    }[];
  };
}

/** What the stack generated, by logical name. */
export async function generatedSecrets(stack: E2eStack): Promise<Readonly<Record<string, string>>> {
  const { output } = await stack.pulumi("stack", "export", "--show-secrets");
  const { resources } = (JSON.parse(output) as State).deployment;
  return Object.fromEntries(
    resources
      .filter(({ type }) => type === "random:index/randomPassword:RandomPassword")
      .map(({ urn, outputs }) => [
        urn.split("::").at(-1) ?? urn,
        JSON.parse(outputs?.result?.plaintext ?? '""') as string,
      ]),
  );
}

/** Sessions of Postgres by role, and connections of Redis by user. */
export async function sessions(stack: E2eStack): Promise<{ postgres: string[]; redis: string[] }> {
  const query =
    "SELECT DISTINCT usename FROM pg_stat_activity WHERE datname = 'slipway' AND usename <> 'postgres' ORDER BY 1";
  const postgres = await inside(stack, "postgres", `psql -h /tmp -U postgres -d postgres -Atc "${query}"`);
  const script =
    `f=redis-password u=default; [ -e $SECRETS_DIR/$f ] || { f=redis-password-second u=slipway_second; }; ` +
    `REDISCLI_AUTH=$(cat $SECRETS_DIR/$f) redis-cli --no-auth-warning --user $u client list | grep -v cmd=client`;
  const redis = [...(await inside(stack, "redis", script)).matchAll(/ user=(\S+)/g)].map(([, user]) => user ?? "");
  return { postgres: postgres.trim().split("\n"), redis: [...new Set(redis)].sort() };
}
