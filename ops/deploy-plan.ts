import { EXIT } from "../backup/protocol.ts";
import { isBlueGreen, textsOf, type CanaryPlan } from "../infra/plan/canary.ts";
import { UserError } from "../toolchain/command.ts";
import type { DeploymentRecord } from "../toolchain/deployment/deployments-log.ts";
import { historyOf } from "../toolchain/deployment/history.ts";
import { learned } from "../toolchain/deployment/learned.ts";
import { lookWithin, type Looked } from "../toolchain/deployment/operate.ts";
import { productVersion } from "../toolchain/deployment/product-version.ts";
import { RELEASE_SERVICES, servingImages, servingVersion, type Running } from "../toolchain/deployment/truth.ts";
import { checkoutMigrations } from "../toolchain/deployment/what.ts";
import { findFolders, type Folders } from "../toolchain/folders.ts";
import { lookAt } from "../toolchain/platforms/platforms.ts";
import type { DeployingArgs } from "./deploying.ts";
import { faultsOf, lookText, runningLooks } from "./pre-checks.ts";
import { chooseRelease, pendingOf, refuseBarriers } from "./release-choice.ts";
import { stackOption } from "./restore-run.ts";
import type { Said } from "./run-ops.ts";
import { facts } from "./table.ts";

/** What a deploy would do. */
export interface DeployPlan {
  /** What serves; nothing where nothing does. */
  readonly serves: string | undefined;
  readonly version: string;
  /** Migrations that it would run, with their phases. */
  readonly migrations: readonly string[];
  /** What the checks before it would refuse. */
  readonly faults: readonly string[];
}

/** Says what a deploy would do, and changes nothing. */
export async function planDeploy(args: DeployingArgs): Promise<Said> {
  const folders = findFolders();
  const { stack, sight } = await lookAt(args.stack, folders, args.steps);
  const isThere = await stack.exists();
  const { records: told } = isThere ? await historyOf(stack, sight) : { records: [] };
  const records = learned(args.stack, folders, told);
  const running: Running = isThere ? await sight.running(stack, RELEASE_SERVICES) : { copies: [] };
  const looked: Looked = isThere
    ? await lookWithin((command) => sight.withinApi(stack, command))
    : { kind: "nothing runs" };
  const result: DeployPlan = {
    serves: servingVersion(records, running),
    ...(await versionOf(args, folders, records, { running, looked })),
    faults: faultsOf(runningLooks(looked, args.stack)).map(lookText),
  };
  return { code: EXIT.good, result, text: planText(args, result) };
}

interface Seen {
  readonly running: Running;
  readonly looked: Looked;
}

async function versionOf(
  args: DeployingArgs,
  folders: Folders,
  records: readonly DeploymentRecord[],
  { running, looked }: Seen,
): Promise<Pick<DeployPlan, "version" | "migrations">> {
  const applied = looked.kind === "seen" ? looked.look.applied : [];
  switch (args.which) {
    case "checkout": {
      const pending = pendingOf(checkoutMigrations(folders), applied);
      const { version } = await productVersion(folders.root);
      return { version, migrations: pending.map(({ file, phase }) => `${file} (${phase})`) };
    }
    case "same": {
      const version = servingVersion(records, running);
      if (version !== undefined) return { version, migrations: [] };
      throw new UserError(`--skip-build runs the images that serve, and nothing of ${args.stack} does.`, EXIT.usage);
    }
    case "before": {
      const serving = servingImages(running);
      const target = chooseRelease({ stack: args.stack, records, serving, wanted: args.version });
      refuseBarriers(args.stack, target, applied, records);
      return { version: `${target.version}, deployment ${target.number}`, migrations: [] };
    }
  }
}

function canaryText(plan: CanaryPlan): string {
  const { shares, seconds } = plan;
  if (isBlueGreen(plan))
    return `all requests at one moment; ${seconds} s before it and ${seconds} s after are compared`;
  return `${shares.join(", ")} % of the requests, ${seconds} s each`;
}

function planText(args: DeployingArgs, { serves, version, migrations, faults }: DeployPlan): string {
  const words = process.argv.slice(2).join(" ");
  const breaking = migrations.filter((one) => one.includes("incompatible"));
  const lines = facts([
    ["Serves", serves ?? "nothing"],
    ["Then", version],
    ["Migrations", migrations.length === 0 ? "none" : migrations.join(", ")],
    ["Backup", args.hasBackup ? "before it, where the stack makes any" : "none"],
    ...(args.canary === undefined ? [] : ([[textsOf(args.canary).said, canaryText(args.canary)]] as const)),
    ...faults.map((fault) => ["Fault", fault] as const),
  ]);
  const warning =
    breaking.length === 0
      ? ""
      : `\n${breaking.join(", ")}: the release that serves stops working when it runs, and no rollback leads back over it.\n`;
  return (
    `\n${lines}${warning}\nNothing was changed. Each resource: pulumi preview --stack ${args.stack}. ` +
    `To do it: ./slipway ${words}${words.includes("--stack") ? "" : stackOption(args.stack)} --yes\n`
  );
}
