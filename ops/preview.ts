import { existsSync } from "node:fs";
import { join } from "node:path";
import { EXIT } from "../backup/protocol.ts";
import { CommandError, UserError } from "../toolchain/command.ts";
import { findFolders } from "../toolchain/folders.ts";
import { stackEnvironment } from "../toolchain/platforms/platforms.ts";
import { withPolicies } from "../toolchain/policies.ts";
import type { Report, Steps } from "../toolchain/steps.ts";
import { againstBase } from "./against-base.ts";
import { changesOf, type Changes } from "./changes.ts";
import { stackCost, type StackCost } from "./cost.ts";
import { inCopy } from "./copied-stack.ts";
import type { EngineEvent } from "./engine-events.ts";
import { isThere, look, pulumi, type Ground } from "./look.ts";
import { violationsOf } from "./refusal.ts";

/** What a stack costs on AWS by its file, and what the base's does. */
interface Costs {
  readonly cost?: StackCost;
  readonly costBefore?: StackCost;
}

/** What an `up` would do to one stack, or would do if no policy refused it. */
export interface StackPreview extends Changes, Costs {
  readonly stack: string;
  /** Whether there is no state of it yet. */
  readonly isNew: boolean;
  /** Whether placeholders stood for secrets. */
  readonly isSealed: boolean;
  /** Where it was compared with another checkout: how many changes both have. */
  readonly alike?: number;
}

/** A preview that could not be made. */
export interface FailedPreview extends Costs {
  readonly stack: string;
  /** For the log of the run alone: a message may tell more than a comment should. */
  readonly failure: string;
}

export interface PreviewArgs {
  /** Whether nothing of the stack may be opened. */
  readonly sealed: boolean;
  /** Another checkout, previewed without secrets too: what it would change just so is left out. */
  readonly base: string | undefined;
  readonly steps: Steps;
}

/**
 * Previews one stack. One that is not there is made in a copy, so that the comment of a pull request can tell of it all the same.
 *
 * @throws UserError where the stack or the base is none
 */
export async function previewStack(stack: string, args: PreviewArgs): Promise<StackPreview | FailedPreview> {
  const folders = findFolders();
  const env = { ...(await stackEnvironment(stack, folders, args.steps)), ...withPolicies(folders) };
  const ground: Ground = { stack, folder: folders.root, env };
  try {
    const preview = await args.steps.run(
      `Preview of ${stack}`,
      (report) => previewAt(ground, args, report),
      ({ policies }) => (violationsOf(policies).length > 0 ? "refused by mandatory policies" : undefined),
    );
    return { ...preview, ...costs(stackCost(stack, folders.root), stack, args.base) };
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    return { stack, failure: error.message, ...costs(costIfAny(stack, folders.root), stack, args.base) };
  }
}

function costs(cost: StackCost | undefined, stack: string, base: string | undefined): Costs {
  const costBefore = base === undefined ? undefined : costIfAny(stack, base);
  return { ...(cost === undefined ? {} : { cost }), ...(costBefore === undefined ? {} : { costBefore }) };
}

/**
 * Nothing where the file has faults. The base's may have what this checkout's program refuses: then there is nothing to compare with. One whose preview
 * failed may have failed for that.
 */
function costIfAny(stack: string, root: string): StackCost | undefined {
  try {
    return stackCost(stack, root);
  } catch (error) {
    if (error instanceof UserError) return undefined;
    throw error;
  }
}

/** The same of a stack of any project. @throws CommandError where Pulumi fails */
export async function previewAt(
  ground: Ground,
  { sealed, base }: Omit<PreviewArgs, "steps">,
  report: Report,
): Promise<StackPreview> {
  const { stack, env, folder } = ground;
  const isNew = !(await isThere(ground));
  const head = { stack, isNew, isSealed: sealed };
  if (!sealed && !isNew) return { ...head, ...changesOf(await look("preview", ground, report)) };
  const state: unknown = isNew ? undefined : JSON.parse(await pulumi(ground, ["stack", "export"]));
  const of = (root: string): Promise<readonly EngineEvent[]> =>
    inCopy({ stack, env, root, state }, (copy) => look("preview", copy, report));
  const ours = await of(folder);
  // A stack that comes with this change is compared with nothing.
  if (base === undefined || !existsSync(join(base, `Pulumi.${stack}.yaml`))) return { ...head, ...changesOf(ours) };
  return { ...head, ...againstBase(ours, await of(base), isNew) };
}

/** @throws UserError where the folder is no checkout */
export function checkBase(base: string): string {
  if (existsSync(join(base, "Pulumi.yaml")) && existsSync(join(base, "node_modules"))) return base;
  throw new UserError(
    `--base is ${JSON.stringify(base)}, which is no checkout with its packages: Pulumi.yaml and node_modules must be there. ` +
      "Make one: git worktree add FOLDER origin/main && sh FOLDER/toolchain/start.sh -- true",
    EXIT.usage,
  );
}
