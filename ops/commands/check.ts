import { messageOf } from "../../configs/message.ts";
import { EXIT } from "../../backup/protocol.ts";
import { healthSettings } from "../../configs/health-settings.ts";
import { runCommand, UserError } from "../../toolchain/command.ts";
import { findFolders, type Folders } from "../../toolchain/folders.ts";
import { platformOf } from "../../toolchain/platforms/platforms.ts";
import { preparePulumi } from "../../toolchain/prepare.ts";
import { readStackSettings } from "../../toolchain/stack-settings.ts";
import { Stack, stackExists } from "../../toolchain/stack.ts";
import { listSchema } from "../agent-messages.ts";
import { askAgent } from "../asking.ts";
import { gpuWorld, lookAtGpu } from "../check/gpu.ts";
import { checkDeployed } from "../check/post.ts";
import {
  judgeVersions,
  judgeWayBack,
  lookAtEngine,
  lookAtFile,
  lookAtLock,
  lookAtPassphrase,
  lookAtRunning,
} from "../check/pre.ts";
import { bad, findingsText, good, lookAt, type Finding, type Look, type State } from "../health/finding.ts";
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
      "--pre          passphrase, versions, file with its secrets, engine (room, port, GPU monitor) or cluster, database, Redis, queue, lock, backups",
      "--post         containers, what runs beside what was asked for, every route, queues (makes jobs), database",
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
  const count = (...states: readonly State[]) => findings.filter(({ state }) => states.includes(state)).length;
  const [bad, open] = [count("bad"), count("warning", "unknown")];
  const more = open === 0 ? "" : ` Of ${findings.length}, ${open} are to be looked at.`;
  const text =
    bad === 0 ? `${stack}: nothing stands against it.${more}` : `${stack}: ${bad} of ${findings.length} are not so.`;
  return { code: bad === 0 ? EXIT.good : EXIT.notGood, result: findings, text: `${findingsText(findings)}\n${text}\n` };
}

type Looks = Readonly<Record<string, () => Promise<Look>>>;

async function before({ stack, platform, steps }: Where): Promise<readonly Finding[]> {
  const folders = findFolders();
  // First: whoever asks for Pulumi makes one where there is none.
  const passphrase = await lookAt("passphrase", () => Promise.resolve(lookAtPassphrase(stack, folders)));
  const edge = readStackSettings(stack, folders.root)?.edge;
  const onDocker: Looks = {
    engine: () => lookAtEngine(stack, edge),
    gpu: () => lookAtGpu(gpuWorld(stack, folders)),
  };
  const looks: Looks = {
    ...(passphrase.state === "bad" ? {} : await looksByPulumi({ stack, platform, steps }, folders)),
    lock: () => Promise.resolve(lookAtLock(stack, folders)),
    ...(platform === "docker" ? onDocker : {}),
  };
  return [passphrase, ...(await Promise.all(Object.entries(looks).map(([name, look]) => lookAt(name, look))))];
}

/** What nobody can look at without the passphrase. */
async function looksByPulumi({ stack, platform, steps }: Where, folders: Folders): Promise<Looks> {
  const own = await platformOf(stack, folders);
  const env = { ...(await preparePulumi(steps, folders, own.plugins)), ...own.environment(stack, folders) };
  const pulumi = (...args: string[]) =>
    runCommand("pulumi", [...args, "--non-interactive"], { cwd: folders.root, env });
  const isThere = await stackExists(stack, folders, () => Promise.resolve(env));
  const secretsOpen = ["config", "--json", "--show-secrets", "--stack", stack];
  const within = async (command: readonly string[]) =>
    isThere ? (await own.sight(folders)).withinApi(new Stack(stack, folders, env), command) : undefined;
  return {
    versions: async () => judgeVersions(process.versions.node, (await pulumi("version")).trim()),
    file: async () =>
      isThere
        ? lookAtFile(stack, () => pulumi(...secretsOpen))
        : good("a first deploy: the program lists faults itself"),
    ...(platform === "docker" ? {} : { cluster: () => lookAtCluster(isThere, { stack, platform, steps }) }),
    running: () => lookAtRunning(stack, within),
    backups: () => wayBack(isThere, { stack, platform, steps }),
  };
}

type Where = Pick<AskedCheck, "stack" | "platform" | "steps">;

async function lookAtCluster(isThere: boolean, { stack, platform, steps }: Where): Promise<Look> {
  if (!isThere) return good("a first deploy: `make up` finds it, or makes it");
  try {
    const { sight, outputs } = await openSight(stack, platform, steps);
    const containers = await sight.containers();
    return good(`namespace ${outputs.namespace ?? "?"} answers; ${containers.length} containers`);
  } catch (error) {
    const why = messageOf(error);
    return bad(`it does not answer: ${why}`, `Bring it up, or mend the way to it in Pulumi.${stack}.yaml.`);
  }
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

async function after({ stack, platform, steps }: Where): Promise<readonly Finding[]> {
  const folders = findFolders();
  const opened = await openSight(stack, platform, steps);
  const file = new StackFile(stack);
  const settings = healthSettings(file.value("health"));
  const [jwtKeys, state] = [await opened.stack.jwtKeys(), await opened.stack.export()];
  const sight = await (await platformOf(stack, folders)).sight(folders);
  const { asked } = opened.outputs;
  const running = (services: readonly string[]) => sight.running(opened.stack, services);
  return opened.reached((url) => {
    const world = worldOf({ stack, settings, opened, file, url, backups: undefined });
    return checkDeployed({ world, jwtKeys, state, asked, running });
  });
}
