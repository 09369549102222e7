import { messageOf } from "../configs/message.ts";
import { ALLOW_REPLACE } from "../infra/allow-replace.ts";
import type { CanaryPlan } from "../infra/plan/canary.ts";
import { allowedData } from "./allowed-data.ts";
import { UserError, wasInterrupted } from "./command.ts";
import { attempt, type Attempt } from "./deployment/attempt.ts";
import { recordOf, releasesToKeep, type DeploymentRecord } from "./deployment/deployments-log.ts";
import { asAsked, askedBy, bringBack, goBack, type WayBack } from "./deployment/going-back.ts";
import { historyOf } from "./deployment/history.ts";
import { levelOf, lookWithin, recordWithin, type Looked } from "./deployment/operate.ts";
import { productVersion } from "./deployment/product-version.ts";
import { readPinned } from "./deployment/pinned.ts";
import { RELEASE_SERVICES, servingVersion } from "./deployment/truth.ts";
import type { Underway } from "./deployment/underway.ts";
import { bundle, changes, keepsData, ready, update } from "./deployment/update.ts";
import { whatIsDeployed } from "./deployment/what.ts";
import type { Host } from "./platforms/host.ts";
import { Stack } from "./stack.ts";
import type { Report, Steps } from "./steps.ts";

/** Where a deploy goes, and what is said when it is broken off. */
export interface DeployArgs {
  readonly name: string;
  readonly host: Host;
  readonly steps: Steps;
  /** What is running, for the log and for whoever finds the stack locked. */
  readonly command: string;
  /** What goes on from there. @default "make up goes on from there." */
  readonly goesOn?: string;
  /** Logical names of data that it may delete or make anew, beside those of the stack's file and of whoever calls. @default none */
  readonly allow?: readonly string[];
  /** What to do while another one deploys. @default "wait" */
  readonly whenHeld?: "wait" | "refuse";
  /** Lets the new release take over by shares of the requests, where the platform can. @default it takes over at once */
  readonly canary?: CanaryPlan | undefined;
  /** What is done besides. @default nothing */
  readonly besides?: Besides;
}

/** What `slipway deploy` does besides; each throws where the deploy must not go on. */
export interface Besides {
  /**
   * Before anything is changed. It may write into the stack's file which release runs.
   *
   * @returns what takes that back where the release before goes on serving
   */
  readonly before: (deploy: Underway) => Promise<() => Promise<void>>;
  /** Once it is known that no data would be lost. */
  readonly snapshot: (deploy: Underway) => Promise<void>;
  /** Once the new release serves. */
  readonly after: (deploy: Underway) => Promise<void>;
  /** Asked where the new release did not come up, or is found bad once it gets all requests: what to go back to. */
  readonly wayBack: (deploy: Underway, hasTakenOver: boolean) => Promise<WayBack>;
}

/**
 * `pulumi up` with what belongs around it: sources bundled, images delivered, the stack made if need be, what a killed deploy left healed,
 * and in the end a look at what really runs. One at a time, and on record.
 *
 * @throws UserError with the ends of the logs of what is broken, and the version that serves
 */
export async function deployStack(args: DeployArgs): Promise<Stack> {
  const { name, host, steps, command, whenHeld = "wait" } = args;
  const allow = allowedData(name, host.folders, args.allow ?? []);
  const stack = new Stack(name, host.folders, { ...host.env, [ALLOW_REPLACE]: allow.join(" ") });
  let log: Attempt["log"] | undefined;
  try {
    const { version } = await productVersion(host.folders.root);
    const history = () => historyOf(stack, host);
    await attempt({ stack: name, folders: host.folders, steps, command, version, whenHeld, history }, async (entry) => {
      ({ log } = entry);
      await steadily(stack, { ...args, allow }, entry).catch(async (error: unknown) => {
        throw await saidWhoServes(error, stack, host, entry);
      });
    });
  } finally {
    if (log !== undefined && !wasInterrupted()) await tellTable(stack, host, steps, log.read());
  }
  return stack;
}

async function steadily(stack: Stack, args: DeployArgs, entry: Attempt): Promise<void> {
  const { host, steps, besides, allow = [], goesOn, canary } = args;
  const note = (text: string) => text;
  await entry.step("Bundles", () => bundle(host), note);
  entry.note({ step: "Images" });
  await host.deliver(steps);
  await entry.step("Stack", (report) => ready(stack, host, report), note);
  const looked = await lookWithin((command) => host.withinApi(stack, command));
  noteLevel(entry, "schemaBefore", looked);
  const underway = { stack, host, entry, looked };
  const takeBack = await besides?.before(underway);
  const back = (error: unknown, hasTakenOver: boolean) => became(error, underway, args, hasTakenOver);
  let hasBegun = false;
  try {
    await entry.step("Release", () => whatIsDeployed(stack, host.folders, entry), note);
    const planned = await entry.step(
      "Data",
      () => keepsData(stack, allow),
      (plan) => plan.note,
    );
    await besides?.snapshot(underway);
    const { total } = planned;
    hasBegun = true;
    await entry.step("Deploy", (report) => update({ stack, host, steps, goesOn, total, canary }, report), changes);
    // It has ended behind the update already, unless that failed: which is a warning to Pulumi, and no more.
    await endCanaries(underway);
  } catch (error) {
    // What was interrupted is gone on with; else the file is to say what serves.
    if (!wasInterrupted()) await takeBack?.();
    if (!hasBegun) throw error;
    const fault = await back(error, false);
    // Behind the way back, which ends it by itself: until then one release alone answers.
    await endInTheEnd(underway, steps);
    throw fault;
  }
  try {
    await besides?.after(underway);
    await entry.step("Truth", (report) => truth(underway, report), note);
  } catch (error) {
    throw await back(error, true);
  }
  await finish(underway);
}

function noteLevel({ note }: Attempt, when: "schemaBefore" | "schemaAfter", looked: Looked): void {
  const level = levelOf(looked);
  if (level !== undefined) note({ [when]: level });
}

/** What goes wrong with it must not hide why the deploy failed. */
async function endInTheEnd(deploy: Underway, steps: Steps): Promise<void> {
  if (wasInterrupted()) return;
  await endCanaries(deploy).catch((why: unknown) => {
    steps.say(`  ${messageOf(why)}`);
  });
}

/** @throws UserError where something is left of what took over by steps */
async function endCanaries({ stack, host }: Underway): Promise<void> {
  await host.endCanaries(stack).catch((error: unknown) => {
    const why = messageOf(error);
    throw new UserError(`What is left of a canary could not be ended, and the next deploy does: ${why}`);
  });
}

/** What became of a fault of the new release: the one before may come back. */
async function became(error: unknown, deploy: Underway, args: DeployArgs, hasTakenOver: boolean): Promise<unknown> {
  const { besides, steps, goesOn } = args;
  if (besides === undefined) return error;
  return goBack(error, {
    stack: deploy.stack.name,
    wayBack: () => besides.wayBack(deploy, hasTakenOver),
    bringBack: (images) => bringBack(images, { deploy, steps, goesOn }),
  });
}

/** Migrations that waited for the release before, the level of the database, and the images that are kept. */
async function finish({ stack, host, entry }: Underway): Promise<void> {
  const look = () => lookWithin((command) => host.withinApi(stack, command));
  let looked = await look();
  if (looked.kind === "seen" && looked.look.waiting.length > 0) {
    const { waiting } = looked.look;
    looked = await entry.step(
      "Contract",
      async (report) => {
        await host.migrateAgain(stack, report);
        return look();
      },
      (after) =>
        after.kind === "seen" && after.look.waiting.length > 0
          ? `${after.look.waiting.join(", ")} waits on: services of before still run, and the next deploy looks again`
          : waiting.join(", "),
    );
  }
  noteLevel(entry, "schemaAfter", looked);
  const { keep } = readPinned(stack.name, host.folders);
  await host.keepImages(releasesToKeep([...entry.log.read()], entry.number, keep));
}

/** Whether the release that was deployed is what runs. */
async function truth(deploy: Underway, report: Report): Promise<string> {
  const { stack, entry } = deploy;
  const asked = await askedBy(stack);
  entry.note({ images: { api: asked["api"]?.image ?? "none", worker: asked["worker-cpu"]?.image ?? "none" } });
  const { copies } = await asAsked(deploy, asked, report);
  const { version } = recordOf(entry.log.read(), entry.number);
  entry.note({ serving: version });
  return `${version} serves; ${copies.length} copies of ${Object.keys(asked).length} services as asked for`;
}

/** The same fault, with the version that serves, which the log is told too. */
async function saidWhoServes(error: unknown, stack: Stack, host: Host, { log, note }: Attempt): Promise<unknown> {
  if (!(error instanceof UserError) || wasInterrupted()) return error;
  if (!(await stack.exists().catch(() => false))) return error;
  const said = await host.running(stack, RELEASE_SERVICES).then(
    (running) => {
      const serving = servingVersion(log.read(), running);
      if (serving !== undefined) note({ serving });
      return serving === undefined ? "Nothing of it serves." : `What serves: ${serving}.`;
    },
    (fault: unknown) => `What serves could not be seen: ${messageOf(fault)}`,
  );
  return new UserError(`${error.message}\n\n${said}`, error.exitCode);
}

/** The table is for reports: the log has it all, and the next deploy tells again. */
async function tellTable(stack: Stack, host: Host, steps: Steps, records: readonly DeploymentRecord[]): Promise<void> {
  const tell = async () =>
    (await stack.exists()) ? recordWithin((command) => host.withinApi(stack, command), records) : undefined;
  const why = await tell().catch(messageOf);
  if (why !== undefined) steps.say(`  The table of deployments was not told of this one: ${why}. The log has it.`);
}
