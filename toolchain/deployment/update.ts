import { join } from "node:path";
import { messageOf } from "../../configs/message.ts";
import { readManifest } from "../../infra/images/contexts.ts";
import { canaryEnvironment, type CanaryPlan } from "../../infra/plan/canary.ts";
import { dataChanges, describeDataChanges, previewSteps } from "../../infra/plan/data-changes.ts";
import { CommandError, runCommand, UserError, wasInterrupted } from "../command.ts";
import type { Host } from "../platforms/host.ts";
import type { Stack } from "../stack.ts";
import type { Report, Steps } from "../steps.ts";
import { countChanges, FAILED, Progress, SAID_BESIDE } from "./progress.ts";

/** The program bundles what is older than its sources by itself; here a fault of the sources shows before anything is touched. */
export async function bundle({ folders, env }: Host): Promise<string> {
  if (readManifest(folders.root)) return "nothing new";
  await runCommand(process.execPath, [join(folders.root, "infra/images/bundle.ts")], { cwd: folders.root, env });
  return "made";
}

/** Makes the stack if need be, and heals what a killed deploy left. */
export async function ready(stack: Stack, host: Host, report: Report): Promise<string> {
  const isNew = !(await stack.exists());
  await stack.create();
  const lock = await stack.unlock(report);
  const deployment = await stack.export();
  const hasPending = (deployment.deployment.pending_operations ?? []).length > 0;
  const removed =
    lock === "healed" || hasPending ? await host.removeUnknown(stack, deployment) : await host.endCanaries(stack);
  // What is gone with its platform is made again, not changed.
  const isStale = host.isEmpty && (deployment.deployment.resources ?? []).length > 0;
  if (hasPending || isStale) await stack.settle(report);
  await host.checkRoom();
  if (isNew) return `${stack.name}, new`;
  if (isStale) return `${stack.name}, whose platform was taken down; all of it is made again`;
  if (lock === "healed" || hasPending)
    return `${stack.name}, healed after a deploy that was killed; ${removed} leftovers removed`;
  return removed === 0 ? stack.name : `${stack.name}; ${removed} leftovers of a canary removed`;
}

export interface Planned {
  readonly note: string;
  /** How many resources change, as far as a preview can tell. */
  readonly total?: number;
}

/**
 * Looks at what the deploy would do to data, where there may be any.
 *
 * @throws UserError where it would delete some or make it anew, and nobody said so
 */
export async function keepsData(stack: Stack, allow: readonly string[]): Promise<Planned> {
  const { resources = [] } = (await stack.export()).deployment;
  if (resources.length === 0) return { note: "none yet" };
  const steps = previewSteps(await stack.preview());
  const lost = dataChanges(steps, allow);
  if (lost.length > 0) throw new UserError(describeDataChanges(stack.name, lost, `make up STACK=${stack.name} ALLOW`));
  return { note: allow.length === 0 ? "all of it stays" : `may go: ${allow.join(", ")}`, total: countChanges(steps) };
}

/** Lines that are shown beside one that changes, too. */
const ALWAYS_SAID = new RegExp(`^${FAILED}|${SAID_BESIDE.source}`);

export interface Up {
  readonly stack: Pick<Stack, "deploy">;
  readonly host: Pick<Host, "faultyLogs">;
  readonly steps: Steps;
  readonly goesOn: string | undefined;
  readonly total: number | undefined;
  /** Lets the new release take over by shares of the requests. */
  readonly canary?: CanaryPlan | undefined;
}

export async function update({ stack, host, steps, total, ...up }: Up, report: Report): Promise<string> {
  const { goesOn = "make up goes on from there.", canary } = up;
  const progress = new Progress({ total });
  try {
    return await stack.deploy((event) => {
      const line = progress.take(event);
      if (line !== undefined && (!steps.isLive || ALWAYS_SAID.test(line))) steps.say(`  ${line}`);
      report(progress.detail);
    }, canaryEnvironment(canary));
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    if (wasInterrupted()) throw new UserError(`Interrupted. Pulumi has written down how far it came; ${goesOn}`);
    // Why it failed is said all the same where the platform is gone.
    const logs = await host.faultyLogs().catch((lost: unknown) => `The logs cannot be read: ${messageOf(lost)}`);
    throw new UserError([progress.fault ?? "", error.message, logs].filter((part) => part !== "").join("\n\n"));
  }
}

/** `23 created, 7 replaced, 1 unchanged` from the end of what Pulumi prints: `+ 23 created`, and `+-7 replaced`. */
export function changes(output: string): string | undefined {
  const counts = [
    ...output.matchAll(/^\s+(?:[+~-]+ ?|\d+ changes\. )?(\d+ (?:created|updated|deleted|replaced|unchanged))$/gm),
  ];
  return counts.length === 0 ? undefined : counts.map((found) => found[1]).join(", ");
}
