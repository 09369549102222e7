import { EXIT } from "../../backup/protocol.ts";
import { healthSettings } from "../../configs/health-settings.ts";
import { runCommand, UserError } from "../../toolchain/command.ts";
import { findFolders } from "../../toolchain/folders.ts";
import { passphraseFile } from "../../toolchain/passphrase.ts";
import { platformOf } from "../../toolchain/platforms/platforms.ts";
import { preparePulumi } from "../../toolchain/prepare.ts";
import { readStackSettings } from "../../toolchain/stack-settings.ts";
import { stackExists } from "../../toolchain/stack.ts";
import { listSchema } from "../agent-messages.ts";
import { askAgent } from "../asking.ts";
import { gpuWorld, lookAtGpu } from "../check/gpu.ts";
import { checkDeployed } from "../check/post.ts";
import { judgeFile, judgeVersions, judgeWayBack, lookAtEngine, lookAtLock, lookAtPassphrase } from "../check/pre.ts";
import { findingsText, good, lookAt, type Finding, type Look } from "../health/finding.ts";
import { findDocker, STACK_LABEL, SERVICE_LABEL } from "../agent.ts";
import { runOps, type Asked, type Said } from "../run-ops.ts";
import { worldOf } from "../health/world.ts";
import { openSight } from "../sight/open-sight.ts";
import { StackFile } from "../stack-file.ts";

const OPTIONS = { pre: { type: "boolean", default: false }, post: { type: "boolean", default: false } } as const;

type AskedCheck = Asked<typeof OPTIONS>;

export function run(): Promise<void> {
  return runOps({
    name: "check",
    platforms: ["docker", "kubernetes", "aws"],
    summary: `what has to hold before a deploy, or after it, each with what to do. Ends with ${EXIT.notGood} where something does not.`,
    options: OPTIONS,
    optionLines: [
      "--pre          file, secrets, versions, engine or cluster, room, port, GPU monitor, lock, backups",
      "--post         containers, versions that run, every route, queues (makes two jobs)",
    ],
    examples: ["./slipway check --pre", "./slipway check --post --stack prod --json"],
    run: async (asked) => {
      const { pre, post } = asked.values;
      if (pre === post)
        throw new UserError("slipway check takes one of --pre and --post. See: ./slipway check --help", EXIT.usage);
      return said(asked.stack, pre ? await before(asked) : await after(asked));
    },
  });
}

function said(stack: string, findings: readonly Finding[]): Said {
  const bad = findings.filter(({ state }) => state === "bad").length;
  const text =
    bad === 0 ? `${stack}: nothing stands against it.` : `${stack}: ${bad} of ${findings.length} are not so.`;
  return { code: bad === 0 ? EXIT.good : EXIT.notGood, result: findings, text: `${findingsText(findings)}\n${text}\n` };
}

async function before({ stack, platform, steps }: AskedCheck): Promise<readonly Finding[]> {
  const folders = findFolders();
  const { plugins, environment } = await platformOf(stack, folders);
  const env = { ...(await preparePulumi(steps, folders, plugins)), ...environment(stack, folders) };
  const pulumi = (...args: string[]) =>
    runCommand("pulumi", [...args, "--non-interactive"], { cwd: folders.root, env });
  const isThere = await stackExists(stack, folders, () => Promise.resolve(env));
  const secretsOpen = ["config", "--json", "--show-secrets", "--stack", stack];
  const looks: Readonly<Record<string, () => Promise<Look>>> = {
    versions: async () => judgeVersions(process.versions.node, (await pulumi("version")).trim()),
    passphrase: async () => lookAtPassphrase(passphraseFile(folders)),
    file: async () =>
      isThere
        ? judgeFile(stack, await pulumi(...secretsOpen))
        : good("a first deploy: the program lists faults itself"),
    lock: async () => lookAtLock(stack, folders),
    ...(platform === "docker"
      ? {
          engine: async () =>
            lookAtEngine((await hasEdge(stack)) ? undefined : readStackSettings(stack, folders.root)?.edge),
          gpu: () => lookAtGpu(gpuWorld(folders)),
        }
      : { cluster: async () => lookAtCluster(isThere, { stack, platform, steps }) }),
    backups: () => wayBack(isThere, { stack, platform, steps }),
  };
  return Promise.all(Object.entries(looks).map(([name, look]) => lookAt(name, look)));
}

type Where = Pick<AskedCheck, "stack" | "platform" | "steps">;

/** Whether the port is taken by the stack's own edge. */
async function hasEdge(stack: string): Promise<boolean> {
  const filters = { label: [`${STACK_LABEL}=${stack}`, `${SERVICE_LABEL}=edge`] };
  return (await (await findDocker()).listContainers({ filters })).length > 0;
}

async function lookAtCluster(isThere: boolean, { stack, platform, steps }: Where): Promise<Look> {
  if (!isThere) return good("a first deploy: `make up` finds it, or makes it");
  const { sight, outputs } = await openSight(stack, platform, steps);
  const containers = await sight.containers();
  return good(`namespace ${outputs.namespace ?? "?"} answers; ${containers.length} containers`);
}

async function wayBack(isThere: boolean, { stack, platform, steps }: Where): Promise<Look> {
  if (!isThere) return good("a first deploy: there is nothing to lose");
  if (platform === "aws") return good("AWS keeps every moment of the last days: docs/aws.md");
  if (!new StackFile(stack).hasBackups) return good("none by this stack: slipway:backup.enabled is false");
  const asked = askAgent({ stack, steps, words: ["list"], schema: listSchema });
  return judgeWayBack(
    stack,
    await asked.then(
      ({ result }) => result,
      () => undefined,
    ),
  );
}

async function after({ stack, platform, steps }: AskedCheck): Promise<readonly Finding[]> {
  const opened = await openSight(stack, platform, steps);
  const file = new StackFile(stack);
  const settings = healthSettings(file.value("health"));
  const [jwtKeys, state] = [await opened.stack.jwtKeys(), await opened.stack.export()];
  return opened.reached((url) =>
    checkDeployed({ jwtKeys, state, world: worldOf({ stack, settings, opened, file, url, backups: undefined }) }),
  );
}
