import { join } from "node:path";
import { ALLOW_REPLACE } from "../infra/allow-replace.ts";
import { dataChanges, describeDataChanges, previewSteps, type PreviewStep } from "../infra/plan/data-changes.ts";
import { readManifest } from "../infra/images/contexts.ts";
import { allowedData } from "./allowed-data.ts";
import { CommandError, runCommand, UserError, wasInterrupted } from "./command.ts";
import { attempt, type Attempt } from "./deployment/attempt.ts";
import { productVersion } from "./deployment/product-version.ts";
import { Progress } from "./deployment/progress.ts";
import { servingVersion, untilTrue, type Running } from "./deployment/truth.ts";
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
}

/** Services whose end a deploy that failed is judged by. */
const SERVICES = ["api", "worker-cpu", "worker-gpu"];

/** Seconds that a container or pod may take to come back that has just ended. */
const PATIENCE_SECONDS = 60;

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
  return attempt({ stack: name, folders: host.folders, steps, command, whenHeld }, async (entry) => {
    try {
      await steadily(stack, { ...args, allow }, entry);
      return stack;
    } catch (error) {
      throw await saidWhoServes(error, stack, host, entry);
    }
  });
}

async function steadily(stack: Stack, { host, steps, allow = [], goesOn }: DeployArgs, entry: Attempt): Promise<void> {
  const note = (text: string) => text;
  entry.note({ version: (await productVersion(host.folders.root)).version });
  await entry.step("Bundles", () => bundle(host), note);
  await host.deliver(steps);
  await entry.step("Stack", (report) => ready(stack, host, report), note);
  const planned = await entry.step(
    "Data",
    () => keepsData(stack, allow),
    (plan) => plan.note,
  );
  await entry.step("Deploy", (report) => deploy({ stack, host, steps, goesOn, total: planned.total }, report), changes);
  await entry.step("Truth", (report) => truth(stack, host, entry, report), note);
}

/** The program bundles what is older than its sources by itself; here a fault of the sources shows before anything is touched. */
async function bundle({ folders, env }: Host): Promise<string> {
  if (readManifest(folders.root)) return "nothing new";
  await runCommand(process.execPath, [join(folders.root, "infra/images/bundle.ts")], { cwd: folders.root, env });
  return "made";
}

/** Makes the stack if need be, and heals what a killed deploy left. */
async function ready(stack: Stack, host: Host, report: Report): Promise<string> {
  const isNew = !stack.exists;
  await stack.create();
  const lock = await stack.unlock(report);
  const deployment = await stack.export();
  const hasPending = (deployment.deployment.pending_operations ?? []).length > 0;
  const removed = lock === "healed" || hasPending ? await host.removeUnknown(deployment) : 0;
  // What is gone with its platform is made again, not changed.
  const isStale = host.isEmpty && (deployment.deployment.resources ?? []).length > 0;
  if (hasPending || isStale) await stack.settle(report);
  await host.checkRoom();
  if (isNew) return `${stack.name}, new`;
  if (isStale) return `${stack.name}, whose platform was taken down; all of it is made again`;
  return lock === "healed" || hasPending
    ? `${stack.name}, healed after a deploy that was killed; ${removed} leftovers removed`
    : stack.name;
}

interface Planned {
  readonly note: string;
  /** How many resources change, as far as a preview can tell. */
  readonly total?: number;
}

/**
 * Looks at what the deploy would do to data, where there may be any.
 *
 * @throws UserError where it would delete some or make it anew, and nobody said so
 */
async function keepsData(stack: Stack, allow: readonly string[]): Promise<Planned> {
  const { resources = [] } = (await stack.export()).deployment;
  if (resources.length === 0) return { note: "none yet" };
  const steps = previewSteps(await stack.preview());
  const lost = dataChanges(steps, allow);
  if (lost.length > 0) throw new UserError(describeDataChanges(stack.name, lost, `make up STACK=${stack.name} ALLOW`));
  return { note: allow.length === 0 ? "all of it stays" : `may go: ${allow.join(", ")}`, total: countChanges(steps) };
}

/** A replacement is told as three steps, of which two are done. */
function countChanges(steps: readonly PreviewStep[]): number {
  return steps.filter(({ op }) => !["same", "replace", "read", "refresh"].includes(op)).length;
}

interface Up {
  readonly stack: Stack;
  readonly host: Host;
  readonly steps: Steps;
  readonly goesOn: string | undefined;
  readonly total: number | undefined;
}

async function deploy({ stack, host, steps, total, ...up }: Up, report: Report): Promise<string> {
  const { goesOn = "make up goes on from there." } = up;
  const progress = new Progress({ total });
  try {
    return await stack.deploy((event) => {
      const line = progress.take(event);
      if (line !== undefined) steps.say(`  ${line}`);
      report(progress.detail);
    });
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    if (wasInterrupted()) throw new UserError(`Interrupted. Pulumi has written down how far it came; ${goesOn}`);
    const logs = await host.faultyLogs();
    throw new UserError(logs === "" ? error.message : `${error.message}\n\n${logs}`);
  }
}

/** Compares what runs with what the program asked for: a platform may have gone back by itself, and a container may end right after it was healthy. */
async function truth(stack: Stack, host: Host, entry: Attempt, report: Report): Promise<string> {
  const { asked } = await stack.outputs();
  if (asked === undefined) throw new Error("stacks/*.ts put out no `asked`.");
  const services = Object.keys(asked);
  const images = { api: asked["api"]?.image ?? "none", worker: asked["worker-cpu"]?.image ?? "none" };
  entry.note({ images });
  const look = () => host.running(stack, services);
  const { copies } = await untilTrue({ asked, look, patienceSeconds: PATIENCE_SECONDS, report });
  const { version } = recordOf(entry);
  entry.note({ serving: version });
  return `${version} serves; ${copies.length} copies of ${services.length} services as asked for`;
}

function recordOf({ log, number }: Attempt) {
  const record = log.read().find((one) => one.number === number);
  if (record === undefined) throw new Error(`${log.path} has lost deployment ${number} while it ran.`);
  return record;
}

/** The same fault, with the version that serves, which the log is told too. */
async function saidWhoServes(error: unknown, stack: Stack, host: Host, { log, note }: Attempt): Promise<unknown> {
  if (!(error instanceof UserError) || wasInterrupted() || !stack.exists) return error;
  const running: Running = await host.running(stack, SERVICES).catch(() => ({ copies: [] }));
  const serving = servingVersion(log.read(), running);
  if (serving !== undefined) note({ serving });
  const said = serving === undefined ? "Nothing of it serves." : `What serves: ${serving}.`;
  return new UserError(`${error.message}\n\n${said}`, error.exitCode);
}

/** `+ 23 created, 1 unchanged` from the end of what Pulumi prints. */
function changes(output: string): string | undefined {
  const counts = [...output.matchAll(/^\s+(?:[+~-]+ )?(\d+ (?:created|updated|deleted|replaced|unchanged))$/gm)];
  return counts.length === 0 ? undefined : counts.map((found) => found[1]).join(", ");
}
