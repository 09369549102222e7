import { EXIT } from "../backup/protocol.ts";
import type { CanaryPlan } from "../infra/plan/canary.ts";
import { whereStacksAre } from "../toolchain/backend.ts";
import { UserError } from "../toolchain/command.ts";
import { deployStack, type Besides } from "../toolchain/deploy.ts";
import {
  DeploymentsLog,
  recordOf,
  releaseThatServes,
  type DeploymentRecord,
  type ReleaseImages,
} from "../toolchain/deployment/deployments-log.ts";
import type { WayBack } from "../toolchain/deployment/going-back.ts";
import { TOO_OLD, levelOf, type Looked } from "../toolchain/deployment/operate.ts";
import { pin, readPinned } from "../toolchain/deployment/pinned.ts";
import { checkoutMigrations } from "../toolchain/deployment/what.ts";
import { RELEASE_SERVICES, servingImages } from "../toolchain/deployment/truth.ts";
import type { Underway } from "../toolchain/deployment/underway.ts";
import { Edge } from "../toolchain/edge.ts";
import { findFolders } from "../toolchain/folders.ts";
import { platformOf } from "../toolchain/platforms/platforms.ts";
import type { RouteResult } from "../toolchain/smoke.ts";
import { preparePulumi } from "../toolchain/prepare.ts";
import { stackExists } from "../toolchain/stack.ts";
import type { Steps } from "../toolchain/steps.ts";
import { makeToken } from "../toolchain/token.ts";
import { refuseBreaking } from "./canary.ts";
import { gpuLooks, gpuWorld } from "./check/gpu.ts";
import { preCheck, runningLooks } from "./pre-checks.ts";
import type { Look } from "./health/finding.ts";
import { chooseRelease, refuseBarriers, type KnownRelease } from "./release-choice.ts";
import { stackOption } from "./restore-run.ts";
import type { Platform, Said } from "./run-ops.ts";
import { takeSnapshot } from "./snapshot.ts";
import { answers, allWell } from "./switching.ts";
import { facts } from "./table.ts";
import { chooseWayBack, type WayBackArgs } from "./way-back.ts";

export interface DeployingArgs {
  readonly stack: string;
  readonly platform: Platform;
  readonly steps: Steps;
  /** As it was typed. */
  readonly command: string;
  /** Which release runs: this checkout's, one of before, or the one that serves, with other settings. */
  readonly which: "checkout" | "before" | "same";
  /** Version or number of the one of before. */
  readonly version: string | undefined;
  /** Whether the stack is to be there already, or not yet; nothing where either is right. */
  readonly expects: "new" | "there" | undefined;
  readonly hasBackup: boolean;
  readonly isForced: boolean;
  readonly hasTests: boolean;
  /** Whether the release before comes back by itself where the new one is found bad once it serves. */
  readonly hasWayBack: boolean;
  /** How a new release gets requests. @default all at once */
  readonly canary: CanaryPlan | undefined;
}

/** What a deploy says for programs. */
export interface Deployed {
  readonly deployment: DeploymentRecord;
  /** How every route answered; none where they were not asked. */
  readonly routes: readonly RouteResult[];
}

/**
 * Deploys with checks before and after it, and a backup between.
 *
 * @throws UserError saying what serves
 */
export async function deployRelease(args: DeployingArgs): Promise<Said> {
  const { stack, steps, command } = args;
  const folders = findFolders();
  refuseUnexpected(args, await stackExists(stack, folders, () => preparePulumi(steps, folders)));
  const platform = await platformOf(stack, folders);
  const host = await platform.prepare(stack, steps);
  const own: Own = { number: 0, routes: [] };
  await deployStack({
    ...{ name: stack, host, steps, command, whenHeld: "refuse" },
    goesOn: "run this again, and it goes on from there.",
    canary: args.canary,
    besides: besidesOf(args, own),
  });
  const deployment = recordOf(new DeploymentsLog(stack, folders).read(), own.number);
  const result: Deployed = { deployment, routes: own.routes };
  return { code: EXIT.good, result, text: deployedText(stack, deployment) };
}

function refuseUnexpected({ stack, expects }: DeployingArgs, isThere: boolean): void {
  if (expects === "new" && isThere)
    throw new UserError(
      `The stack ${stack} is there already, and --init makes a new one. Bring it up to date: ./slipway deploy --update --yes${stackOption(stack)}`,
      EXIT.usage,
    );
  if (expects === "there" && !isThere)
    throw new UserError(
      `There is no stack ${stack} ${whereStacksAre()}. Make it: ./slipway deploy --init --yes${stackOption(stack)}`,
      EXIT.usage,
    );
}

/** What becomes known of the deployment on its way. */
interface Own {
  number: number;
  readonly routes: RouteResult[];
}

function besidesOf(args: DeployingArgs, own: Own): Besides {
  let before: ReleaseImages | undefined;
  return {
    before: async (deploy) => {
      own.number = deploy.entry.number;
      await deploy.entry.step(
        "Checks",
        async () => preCheck(await preLooks(args, deploy), args.isForced),
        (said) => said,
      );
      if (args.canary !== undefined) refuseBreaking(deploy.looked, checkoutMigrations(deploy.host.folders));
      before = servingImages(await deploy.host.running(deploy.stack, RELEASE_SERVICES));
      return choose(args, deploy, before);
    },
    snapshot: async (deploy) => {
      await takeSnapshot(args, deploy);
    },
    after: async (deploy) => {
      if (!args.hasTests) return;
      own.routes.push(...(await ask(args, deploy)));
    },
    wayBack: (deploy, hasTakenOver) => wayBackOf(args, deploy, { before, hasTakenOver }),
  };
}

/** What has to be well before anything is changed. */
async function preLooks({ stack, platform }: DeployingArgs, { host, looked }: Underway): Promise<readonly Look[]> {
  const gpu = platform === "docker" ? await gpuLooks(gpuWorld(stack, host.folders)) : [];
  return [...runningLooks(looked, stack), ...gpu];
}

/** Writes into the stack's file which release runs; gives what writes back what stood there. */
async function choose(
  args: DeployingArgs,
  { stack, host, entry, looked }: Underway,
  serving: ReleaseImages | undefined,
): Promise<() => Promise<void>> {
  const { folders } = host;
  const { images: before } = readPinned(args.stack, folders);
  const records = entry.log.read();
  switch (args.which) {
    case "checkout":
      await pin(stack, folders, undefined);
      break;
    case "same": {
      const same = serving?.worker === "none" ? releaseThatServes(records, serving)?.images : serving;
      if (same === undefined)
        throw new UserError(
          `--skip-build runs the images that serve, and what ${args.stack} runs is not known.`,
          EXIT.usage,
        );
      await pin(stack, folders, same);
      break;
    }
    case "before": {
      const target = chooseRelease({ stack: args.stack, records, serving, wanted: args.version });
      // One that does not answer has told of no migration, and --force goes on past that.
      if (looked.kind !== "seen" || levelOf(looked) === undefined) throw unknownSchema(target, looked);
      refuseBarriers(args.stack, target, looked.look.applied, records);
      if (!(await host.hasImages(target.images))) throw imagesGone(args.stack, target);
      await pin(stack, folders, target.images);
    }
  }
  return () => pin(stack, folders, before);
}

function unknownSchema({ version }: KnownRelease, looked: Looked): UserError {
  const why = whyUnknown(looked);
  return new UserError(
    `Whether ${version} can run on this database cannot be told (${why}), and nothing was changed. Bring the stack up first: ./slipway deploy --force --yes`,
  );
}

function whyUnknown(looked: Looked): string {
  switch (looked.kind) {
    case "seen":
      return looked.look.failing.map(({ dependency, reason }) => `${dependency}: ${reason}`).join("; ");
    case "no answer":
      return looked.why;
    case "too old":
      return TOO_OLD;
    case "nothing runs":
      return "no API runs";
  }
}

function imagesGone(stack: string, { version, number }: KnownRelease): UserError {
  return new UserError(
    `The images of ${version} (deployment ${number}) are gone from this engine; slipway:keepReleases says how many releases are kept. ` +
      `Deploy it from its sources: git checkout its commit, then ./slipway deploy --yes${stackOption(stack)}`,
  );
}

/** The release before, as far as it can be brought back without anybody. */
async function wayBackOf(
  args: DeployingArgs,
  deploy: Underway,
  how: Pick<WayBackArgs, "before" | "hasTakenOver">,
): Promise<WayBack> {
  const { stack, host, entry } = deploy;
  const way = chooseWayBack({
    ...{ stack: args.stack, isWanted: args.hasWayBack, which: args.which, ...how },
    records: entry.log.read(),
    running: await host.running(stack, RELEASE_SERVICES),
    migrations: checkoutMigrations(host.folders),
  });
  if (way.kind === "none" || (await host.hasImages(way.images))) return way;
  return { kind: "none", why: `the images of ${way.version} are gone from this engine` };
}

/** Asks every route of the release that has just taken over. */
async function ask({ stack: name }: DeployingArgs, { stack, host, entry }: Underway): Promise<readonly RouteResult[]> {
  const { reach } = await platformOf(name, host.folders);
  const { url, end } = await reach(stack, host.folders, await stack.outputs());
  try {
    const edge = new Edge(url, await makeToken(await stack.jwtKeys()));
    return await entry.step(
      "Smoke check",
      async (report) => {
        await answers(edge);
        return allWell(edge, report);
      },
      (results) => `${results.length} routes`,
    );
  } finally {
    await end();
  }
}

function deployedText(stack: string, deployment: DeploymentRecord): string {
  const { number, version, backup, schemaBefore, schemaAfter } = deployment;
  const level =
    schemaBefore === schemaAfter
      ? String(schemaAfter ?? "unknown")
      : `${schemaBefore ?? "new"} to ${schemaAfter ?? "unknown"}`;
  return (
    `\n${facts([
      ["Serves", `${version}, deployment ${number}`],
      ["Schema", level],
      ["Backup", backup ?? "none"],
    ])}` +
    `\nBack to the release before: ./slipway rollback --yes${stackOption(stack)}\nAll of them: ./slipway releases${stackOption(stack)}\n`
  );
}
