import { existsSync } from "node:fs";
import { join } from "node:path";
import { askOnTerminal, confirm } from "../ask.ts";
import { CommandError, runCommand, runShown } from "../command.ts";
import { buildPrograms, missingPackages } from "../cluster/cluster.ts";
import { installPackages } from "../debian.ts";
import { runMain } from "../main.ts";
import { prepare } from "../prepare.ts";
import { Steps } from "../steps.ts";

const USAGE = {
  command: "make test",
  summary:
    "all tests: beside the code on real servers of this machine, and end to end on a real engine. `make test-aws` has those of the prod stack alone, " +
    "on a simulated AWS (moto) with a real Kubernetes node in the place of EKS; they are in no other run.",
  options: [
    "ARGS='...'    what goes on to vitest",
    "--aws         what make test-aws sets",
    "--restores 50 restores to random moments, default 20; what make drill-long sets",
    "--rotations   every rotation, killed at every moment; what make rotate-long sets",
    "--deploys 50  deploys under load, default 2; what make deploys-long sets",
  ],
  examples: ["make test", "make test ARGS='--project unit jobs'", "make test ARGS='-t drain'", "make test-aws"],
};

const OPTIONS = {
  aws: { type: "boolean", default: false },
  restores: { type: "string" },
  rotations: { type: "boolean", default: false },
  deploys: { type: "string" },
} as const;

/** Programs that the tests start, and Debian's packages that have them. */
const SERVERS = [
  {
    programs: [
      "/usr/lib/postgresql/15/bin/initdb",
      "/usr/lib/postgresql/16/bin/initdb",
      "/usr/lib/postgresql/17/bin/initdb",
    ],
    name: "postgresql",
  },
  { programs: ["/usr/bin/redis-server"], name: "redis-server" },
  { programs: ["/usr/bin/pgbackrest"], name: "pgbackrest" },
  { programs: ["/usr/bin/espeak-ng"], name: "espeak-ng" },
  { programs: ["/usr/bin/python3"], name: "python3-venv" },
] as const;

await runMain(USAGE, OPTIONS, async ({ values: { aws, restores, rotations, deploys }, positionals }) => {
  const steps = new Steps();
  const servers = SERVERS.filter(({ programs }) => !programs.some((path) => existsSync(path))).map(({ name }) => name);
  const withCluster = aws || wants("cluster", positionals);
  const missing = [...servers, ...(withCluster ? missingPackages() : [])];
  if (missing.length > 0) {
    const names = missing.join(", ");
    await confirm(
      `The tests start ${names}. Install them from Debian?`,
      askOnTerminal(),
      `Without ${names} the tests cannot run.`,
    );
  }
  const { env, folders } = await prepare(steps, aws ? ["aws"] : []);
  if (missing.length > 0)
    await steps.run(
      "Test servers",
      (report) => installPackages(missing, report, { startsDaemons: false }),
      () => missing.join(", "),
    );
  if (withCluster) await steps.run("Kubernetes", (report) => buildPrograms(folders, report));
  const config = aws ? ["--config", "test/aws/vitest.config.ts"] : [];
  const vitest: Vitest = {
    program: join(folders.root, "node_modules/.bin/vitest"),
    args: ["run", ...config, ...positionals],
    cwd: folders.root,
    env: {
      ...env,
      ...(restores !== undefined && { DRILL_RESTORES: restores }),
      ...(rotations && { ROTATE_LONG: "1" }),
      ...(deploys !== undefined && { DEPLOYS: deploys }),
    },
  };
  process.exitCode = aws || positionals.length > 0 ? await shown(vitest) : await all(vitest);
});

interface Vitest {
  readonly program: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
}

function shown({ program, args, ...where }: Vitest, ...more: string[]): Promise<number> {
  return runShown(program, [...args, ...more], where);
}

/**
 * Every group. Those of the cluster mostly wait for a kubelet, so they run beside the others; those on the engine, which both use, come when both are done.
 *
 * @returns the first exit code that is not 0
 */
async function all(vitest: Vitest): Promise<number> {
  process.stderr.write(
    "\nTests of the group cluster run beside the others; what they print comes when they are done.\n",
  );
  const beside = kept(vitest, "--project", "cluster");
  const first = await shown(vitest, "--project", "!cluster", "--project", "!e2e");
  const cluster = await beside;
  process.stdout.write(`${cluster.output}\n`);
  const last = await shown(vitest, "--project", "e2e");
  return [first, cluster.code, last].find((code) => code !== 0) ?? 0;
}

async function kept({ program, args, ...where }: Vitest, ...more: string[]) {
  const lines: string[] = [];
  const onLine = (line: string) => {
    lines.push(line);
  };
  let code = 0;
  try {
    await runCommand(program, [...args, ...more], { ...where, onLine });
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    code = error.code ?? 1;
  }
  return { code, output: lines.join("\n") };
}

/** Whether vitest is asked for a project: all are where none is named. */
function wants(project: string, args: readonly string[]): boolean {
  const named = args.flatMap((argument, index) => {
    if (argument === "--project") return [args[index + 1]];
    return argument.startsWith("--project=") ? [argument.slice("--project=".length)] : [];
  });
  return named.length === 0 || named.includes(project);
}
