import { execFile } from "node:child_process";
import { EXIT } from "../../backup/protocol.ts";
import { docker, type E2eStack } from "./stack.ts";

/** What a command of the agent said last, and how it ended. */
export interface Said<T> {
  readonly code: number;
  readonly result?: T;
  /** Standard output and standard error. */
  readonly output: string;
}

/** The backup agent of a stack. */
export interface Agent {
  run<T>(...command: string[]): Promise<Said<T>>;
  /** The same, with a JSON object on its standard input. */
  say<T>(input: object, ...command: string[]): Promise<Said<T>>;
  /** Waits until its container is healthy. */
  healthy(): Promise<void>;
  /** Waits until everything committed so far is in the repository. */
  archived(): Promise<void>;
}

const PROGRAM = ["/usr/local/bin/node", "/app/backup.mjs"];
const SOCKET = "/run/slipway/postgres";

/** Asks the container of today: a deploy may replace it. */
export function agentOf(stack: E2eStack): Agent {
  const container = async (service: string) => {
    const [name] = await stack.containers(service);
    if (name === undefined) throw new Error(`${stack.name} has no container of ${service}`);
    return name;
  };
  const say = async <T>(input: object, ...command: string[]) =>
    said<T>(["exec", "--interactive", await container("backup"), ...PROGRAM, ...command], JSON.stringify(input));
  const health = async () =>
    (await docker("inspect", "--format", "{{.State.Health.Status}}", await container("backup"))).output.trim();
  const sql = async (statement: string) => {
    const psql = ["psql", "--host", SOCKET, "--username", "postgres", "--tuples-only", "--no-align", "--command"];
    return (await docker("exec", await container("postgres"), ...psql, statement)).output.trim();
  };
  return {
    run: async <T>(...command: string[]) => {
      let answer = await say<T>({}, ...command);
      // The agent makes the first backup by itself, soon after its start.
      await until("no other backup runs", async () => {
        if (answer.code === EXIT.busy) answer = await say<T>({}, ...command);
        return answer.code !== EXIT.busy;
      });
      return answer;
    },
    say,
    healthy: () => until("the agent is healthy", async () => (await health()) === "healthy"),
    archived: async () => {
      const segment = await sql("SELECT pg_walfile_name(pg_switch_wal())");
      await until(
        `${segment} is archived`,
        async () => (await sql("SELECT last_archived_wal FROM pg_stat_archiver")) >= segment,
      );
    },
  };
}

/** Fills a new volume of Postgres as `slipway restore` does: the agent's own image, settings and repositories, and no network. */
export async function restoreVolume<T>(stack: E2eStack, generation: string, target = "latest"): Promise<Said<T>> {
  const volume = `slipway-${stack.name}-postgres-${generation}`;
  const labels = { project: "slipway", stack: stack.name, service: "postgres", data: "true" };
  await docker(
    "volume",
    "create",
    ...Object.entries(labels).flatMap(([key, value]) => ["--label", `slipway.${key}=${value}`]),
    volume,
  );
  const [name = ""] = await stack.containers("backup");
  const [agent] = JSON.parse((await docker("inspect", name)).output) as [Inspected];
  const mounts = agent.Mounts.filter(({ Destination }) => Destination !== "/var/lib/postgresql").map(
    ({ Type, Name, Source, Destination, RW }) =>
      `type=${Type},source=${Type === "volume" ? Name : Source},target=${Destination}${RW ? "" : ",readonly"}`,
  );
  return said<T>([
    ...["run", "--rm", "--network", "none", "--read-only", "--init", "--cap-drop", "ALL", "--user", agent.Config.User],
    ...["--tmpfs", "/tmp", "--group-add", "10010"],
    ...agent.Config.Env.flatMap((setting) => ["--env", setting]),
    ...[...mounts, `type=volume,source=${volume},target=/var/lib/postgresql`].flatMap((mount) => ["--mount", mount]),
    ...[agent.Image, ...PROGRAM, "restore", "--to", target],
  ]);
}

interface Inspected {
  readonly Image: string;
  readonly Config: { readonly Env: readonly string[]; readonly User: string };
  readonly Mounts: readonly {
    readonly Type: string;
    readonly Name?: string;
    readonly Source: string;
    readonly Destination: string;
    readonly RW: boolean;
  }[];
}

function said<T>(args: string[], input = ""): Promise<Said<T>> {
  return new Promise((resolve) => {
    const child = execFile("docker", args, { maxBuffer: 64 * 1024 * 1024 }, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === "number" ? error.code : 1;
      const last = stdout.trim().split("\n").at(-1) ?? "";
      const { result } = (last.startsWith("{") ? JSON.parse(last) : {}) as { result?: T };
      resolve({ code, output: stdout + stderr, ...(result !== undefined && { result }) });
    });
    child.stdin?.on("error", () => undefined);
    child.stdin?.end(input);
  });
}

async function until(what: string, isSo: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 90_000;
  while (!(await isSo())) {
    if (Date.now() > deadline) throw new Error(`90 seconds passed, and it is not so that ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}
