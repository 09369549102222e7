import { EXIT } from "../../backup/protocol.ts";
import { CANARY_LIMITS } from "../../infra/plan/canary.ts";
import { UserError } from "../../toolchain/command.ts";
import { ALWAYS_BLUE_GREEN, askedCanary } from "../canary.ts";
import { deployRelease, type DeployingArgs } from "../deploying.ts";
import { planDeploy } from "../deploy-plan.ts";
import { typed } from "../on-record.ts";
import { runOps, type Asked } from "../run-ops.ts";

export const DEPLOY_OPTIONS = {
  "no-backup": { type: "boolean", default: false },
  force: { type: "boolean", default: false },
  "skip-tests": { type: "boolean", default: false },
  "no-rollback": { type: "boolean", default: false },
  yes: { type: "boolean", default: false },
} as const;

const OPTIONS = {
  ...DEPLOY_OPTIONS,
  init: { type: "boolean", default: false },
  update: { type: "boolean", default: false },
  rollback: { type: "boolean", default: false },
  "skip-build": { type: "boolean", default: false },
  canary: { type: "string" },
  "blue-green": { type: "boolean", default: false },
  "canary-seconds": { type: "string" },
} as const;

export const DEPLOY_LINES = [
  "--yes          does it",
  "--no-backup    no backup before it",
  "--force        goes on where a check before it fails, as where the deploy is what mends it; and where no backup can be made",
  "--skip-tests   does not ask every route after it",
  "--no-rollback  leaves what runs of a release that is found bad: by itself the one before comes back",
];

export const DEPLOY_PLATFORMS = ["docker", "kubernetes", "aws"] as const;

export function run(): Promise<void> {
  return runOps({
    name: "deploy",
    summary:
      "brings what this checkout is to a stack: checks, a backup, migrations, new containers or pods beside those that serve, health, the switch, and a look at what " +
      "really runs. Whatever fails, the release before goes on serving, and the exit code says so. One that was killed is gone on with by the next. Without --yes it says " +
      "what it would do, and changes nothing.",
    platforms: DEPLOY_PLATFORMS,
    options: OPTIONS,
    optionLines: [
      "--init         only where there is no such stack yet",
      "--update       only where there is one",
      "--rollback [VERSION]  the same as: slipway rollback [VERSION]",
      ...DEPLOY_LINES,
      "--skip-build   with the images that serve, for settings alone",
      "--canary SHARES  the new release gets these percents of the requests, one after the other, and is compared with the one before after each; where it is worse",
      "                 everything goes back. On a Docker engine; in a cluster by pods. Such as 10,50,100",
      "--blue-green   in a cluster: all requests go to as many new pods at one moment, and back at one where they are worse than those before were; on a Docker engine",
      "               every deploy does so, unjudged",
      `--canary-seconds N  of each share, or of each look with --blue-green; default ${CANARY_LIMITS.seconds}`,
    ],
    examples: [
      "./slipway deploy",
      "./slipway deploy --yes",
      "./slipway deploy --init --yes --stack mine",
      "./slipway deploy --skip-build --yes      # after pulumi config set ...",
      "./slipway deploy --canary 10,50,100 --yes",
      "./slipway deploy --canary 5,25 --canary-seconds 300 --yes",
      "./slipway deploy --blue-green --yes",
      "./slipway deploy --rollback --yes",
      "./slipway deploy --yes --json | jq .result.deployment.version",
    ],
    words: 1,
    run: (asked) => {
      const how = wanted(asked);
      if (asked.values["blue-green"] && how.canary === undefined) asked.steps.say(`  ${ALWAYS_BLUE_GREEN}`);
      return deploy({ ...asked, ...how });
    },
  });
}

/** What is to run, and how it is to take over. */
function wanted({
  values,
  words,
  platform,
}: Asked<typeof OPTIONS>): Pick<DeployingArgs, "which" | "expects" | "canary"> {
  const modes = (["init", "update", "rollback", "skip-build"] as const).filter((mode) => values[mode]);
  if (modes.length > 1 && !(modes.length === 2 && values.update && values["skip-build"]))
    throw new UserError(`--${modes.join(" and --")} do not go together. See: ./slipway deploy --help`, EXIT.usage);
  if (words.length > 0 && !values.rollback)
    throw new UserError(`A version goes with --rollback alone, got ${JSON.stringify(words[0])}.`, EXIT.usage);
  const mode = modes.find((one) => one !== "update");
  return {
    expects: values.init ? "new" : values.update || values["skip-build"] ? "there" : undefined,
    which: values.rollback ? "before" : values["skip-build"] ? "same" : "checkout",
    canary: askedCanary({
      ...{ shares: values.canary, isBlueGreen: values["blue-green"], seconds: values["canary-seconds"] },
      ...{ platform, mode },
    }),
  };
}

type Wanted = Pick<Asked<typeof DEPLOY_OPTIONS>, "stack" | "platform" | "steps" | "words" | "values"> &
  Pick<DeployingArgs, "which" | "expects" | "canary">;

/** What `deploy` and `rollback` share. */
export function deploy({ values, words: [version], ...asked }: Wanted) {
  const args: DeployingArgs = {
    ...asked,
    version,
    command: typed(),
    hasBackup: !values["no-backup"],
    isForced: values.force,
    hasTests: !values["skip-tests"],
    hasWayBack: !values["no-rollback"],
  };
  return values.yes ? deployRelease(args) : planDeploy(args);
}
