import { healthSettings, type HealthSettings } from "../../configs/health-settings.ts";
import { UserError } from "../../toolchain/command.ts";
import { DeployLock } from "../../toolchain/deployment/deploy-lock.ts";
import { findFolders } from "../../toolchain/folders.ts";
import { listSchema } from "../agent-messages.ts";
import { askAgent } from "../asking.ts";
import { silence, silenceText } from "../health/silence.ts";
import { sendAlert, type AlertTo } from "../health/alert.ts";
import { lookAtAll, VERDICT_CODES, verdictOf } from "../health/checks.ts";
import { findingsText } from "../health/finding.ts";
import { worldOf } from "../health/world.ts";
import { runOps, type Asked, type Said } from "../run-ops.ts";
import { openSight, type Opened } from "../sight/open-sight.ts";
import { StackFile } from "../stack-file.ts";

const OPTIONS = { alert: { type: "boolean", default: false } } as const;

/** Codes 0 to 2 are verdicts: what is none has codes of sysexits.h. */
const EXITS = {
  usage: 64,
  failed: 69,
  lines: [
    "0    HEALTHY",
    "1    WARNING: something will be bad, or could not be looked at",
    "2    UNHEALTHY",
    "64   wrong usage",
    "69   nothing could be looked at, or --alert reached not all",
    "130  interrupted",
  ],
} as const;

export function run(): Promise<void> {
  return runOps({
    name: "health",
    platforms: ["docker", "kubernetes", "aws"],
    summary:
      "looks at everything a stack needs: HEALTHY, WARNING or UNHEALTHY. Thresholds: slipway:health in the stack's file.",
    options: OPTIONS,
    optionLines: [
      "--alert        tells the webhook and the addresses of the stack's file, unless all is healthy; of what a deploy disturbs, nobody while one runs",
    ],
    examples: [
      "./slipway health",
      "./slipway health --stack prod --alert",
      "./slipway health --json | jq -r .result.verdict",
    ],
    exits: EXITS,
    run: health,
  });
}

async function health(asked: Asked<typeof OPTIONS>): Promise<Said> {
  const { stack, platform, steps } = asked;
  const file = new StackFile(stack);
  const settings = readSettings(file, stack);
  const opened = await openSight(stack, platform, steps);
  const list = async () => (await askAgent({ stack, steps, words: ["list"], schema: listSchema })).result;
  const backups = platform === "aws" || !file.hasBackups ? undefined : list;
  const world = { stack, settings, opened, file, backups };
  const lock = new DeployLock(stack, findFolders());
  const deploys = () => (asked.values.alert ? lock.holder() : undefined);
  const before = deploys();
  const findings = await opened.reached((url) => lookAtAll(worldOf({ ...world, url })));
  const verdict = verdictOf(findings);
  // One that ends while it is looked at has disturbed what was seen all the same.
  const holder = before ?? deploys();
  const heard = silence(findings, holder, new Date());
  const alert = { stack, verdict: verdictOf(heard.findings), findings: heard.findings };
  const isTold = asked.values.alert && alert.verdict !== "HEALTHY";
  const told = isTold ? await sendAlert(await alertTo(opened, settings, file), alert) : [];
  const who = `${told.length === 0 ? "" : ` Told: ${told.join(", ")}.`}${silenceText(heard.silenced, holder)}`;
  const { silenced } = heard;
  return {
    code: VERDICT_CODES[verdict],
    result: { verdict, findings, told, silenced },
    text: `${findingsText(findings)}\n${stack} is ${verdict}.${who}\n`,
  };
}

function readSettings(file: StackFile, stack: string): HealthSettings {
  try {
    return healthSettings(file.value("health"));
  } catch (error) {
    throw new UserError(
      `Pulumi.${stack}.yaml: slipway:health is not what it must be; configs/health-settings.ts says what it may be.\n${String(error)}`,
      EXITS.usage,
    );
  }
}

async function alertTo({ stack }: Opened, { mail }: HealthSettings, file: StackFile): Promise<AlertTo> {
  const secret = async (key: string) => (file.value(key) === undefined ? undefined : (await stack.secret(key)).trim());
  const [webhook, smtp] = [await secret("alertWebhook"), await secret("alertSmtp")];
  return { ...(webhook !== undefined && { webhook }), ...(smtp !== undefined && { smtp }), ...(mail && { mail }) };
}
