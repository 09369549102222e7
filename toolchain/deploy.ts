import { join } from "node:path";
import { ALLOW_REPLACE } from "../infra/allow-replace.ts";
import { dataChanges, describeDataChanges, previewSteps } from "../infra/plan/data-changes.ts";
import { readManifest } from "../infra/images/contexts.ts";
import { allowedData } from "./allowed-data.ts";
import { CommandError, runCommand, UserError, wasInterrupted } from "./command.ts";
import type { Host } from "./platforms/host.ts";
import { Stack } from "./stack.ts";
import type { Report, Steps } from "./steps.ts";

/** Where a deploy goes, and what is said when it is broken off. */
export interface DeployArgs {
  readonly name: string;
  readonly host: Host;
  readonly steps: Steps;
  /** What goes on from there. @default "make up goes on from there." */
  readonly goesOn?: string;
  /** Logical names of data that it may delete or make anew, beside those of the stack's file and of whoever calls. @default none */
  readonly allow?: readonly string[];
}

/**
 * `pulumi up` with what belongs around it: sources bundled, images delivered, the stack made if need be, and what a killed deploy left
 * healed.
 *
 * @throws UserError with the ends of the logs of what is broken
 */
export async function deployStack({
  name,
  host,
  steps,
  goesOn = "make up goes on from there.",
  allow = [],
}: DeployArgs): Promise<Stack> {
  const allowed = allowedData(name, host.folders, allow);
  const stack = new Stack(name, host.folders, { ...host.env, [ALLOW_REPLACE]: allowed.join(" ") });
  const note = (text: string) => text;
  await steps.run("Bundles", () => bundle(host), note);
  await host.deliver(steps);
  await steps.run("Stack", (report) => ready(stack, host, report), note);
  await steps.run("Data", () => keepsData(stack, allowed), note);
  await steps.run("Deploy", (report) => deploy(stack, host, report, goesOn), changes);
  return stack;
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

/**
 * Looks at what the deploy would do to data, where there may be any.
 *
 * @throws UserError where it would delete some or make it anew, and nobody said so
 */
async function keepsData(stack: Stack, allow: readonly string[]): Promise<string> {
  const { resources = [] } = (await stack.export()).deployment;
  if (resources.length === 0) return "none yet";
  const changes = dataChanges(previewSteps(await stack.preview()), allow);
  if (changes.length > 0)
    throw new UserError(describeDataChanges(stack.name, changes, `make up STACK=${stack.name} ALLOW`));
  return allow.length === 0 ? "all of it stays" : `may go: ${allow.join(", ")}`;
}

async function deploy(stack: Stack, host: Host, report: Report, goesOn: string): Promise<string> {
  try {
    return await stack.deploy(report);
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    if (wasInterrupted()) throw new UserError(`Interrupted. Pulumi has written down how far it came; ${goesOn}`);
    const logs = await host.faultyLogs();
    throw new UserError(logs === "" ? error.message : `${error.message}\n\n${logs}`);
  }
}

/** `+ 23 created, 1 unchanged` from the end of what Pulumi prints. */
function changes(output: string): string | undefined {
  const counts = [...output.matchAll(/^\s+(?:[+~-]+ )?(\d+ (?:created|updated|deleted|replaced|unchanged))$/gm)];
  return counts.length === 0 ? undefined : counts.map((found) => found[1]).join(", ");
}
