import { EXIT } from "../backup/protocol.ts";
import { UserError } from "../toolchain/command.ts";
import { findFolders } from "../toolchain/folders.ts";
import { platformOf, stackEnvironment } from "../toolchain/platforms/platforms.ts";
import { Stack } from "../toolchain/stack.ts";
import type { Steps } from "../toolchain/steps.ts";
import type { UnmanagedObject } from "../toolchain/unmanaged.ts";
import { autoscalerOf } from "./autoscaled.ts";
import { changesOf, type ResourceChange } from "./changes.ts";
import type { EngineEvent } from "./engine-events.ts";
import { isThere, look } from "./look.ts";

/** A property that an autoscaler has changed. */
export interface LeftToAutoscaler {
  readonly name: string;
  readonly path: string;
  readonly by: string;
}

/** How what there is differs from what the stack's state says. */
export interface Drift {
  readonly stack: string;
  /** What was changed or deleted behind Pulumi's back. */
  readonly changes: readonly ResourceChange[];
  /** What bears the stack's labels, and nobody deployed by it. */
  readonly unmanaged: readonly UnmanagedObject[];
  readonly leftToAutoscalers: readonly LeftToAutoscaler[];
  /** Where nobody could look for what is unmanaged. */
  readonly unseen: readonly string[];
}

/** Whether there is any. */
export function hasDrift({ changes, unmanaged }: Pick<Drift, "changes" | "unmanaged">): boolean {
  return changes.length + unmanaged.length > 0;
}

/**
 * Looks for drift, and changes nothing: neither what there is nor the state.
 *
 * @throws UserError where there is no such stack
 * @throws CommandError where Pulumi or a plugin cannot look
 */
export async function findDrift(name: string, steps: Steps): Promise<Drift> {
  const folders = findFolders();
  const env = await stackEnvironment(name, folders, steps);
  const ground = { stack: name, folder: folders.root, env };
  if (!(await isThere(ground)))
    throw new UserError(`There is no stack ${name} in ${env["PULUMI_BACKEND_URL"] ?? "the backend"}.`, EXIT.usage);
  const events = await steps.run("Refresh", (report) => look("refresh", ground, report));
  const stack = new Stack(name, folders, env);
  const { objects, unseen } = await steps.run("Unmanaged objects", async () =>
    (await platformOf(name, folders)).unmanaged(stack, folders, await stack.export()),
  );
  return { stack: name, ...driftOf(events), unmanaged: objects, unseen };
}

/** What a refresh has found, without what autoscalers decide and what only reports how something is doing. */
export function driftOf(events: readonly EngineEvent[]): Pick<Drift, "changes" | "leftToAutoscalers"> {
  const steps = new Map(
    events.flatMap(({ resOutputsEvent: step }) => (step ? [[step.metadata.urn, step.metadata]] : [])),
  );
  const leftToAutoscalers: LeftToAutoscaler[] = [];
  const changes = changesOf(events, "refresh").changes.flatMap((change): ResourceChange[] => {
    if (change.op !== "update") return [change];
    const step = steps.get(change.urn);
    const properties = change.properties.filter(({ path }) => {
      const by = step === undefined ? undefined : autoscalerOf(step, path);
      if (by !== undefined) leftToAutoscalers.push({ name: change.name, path, by });
      return by === undefined;
    });
    return properties.length === 0 ? [] : [{ ...change, properties }];
  });
  return { changes, leftToAutoscalers };
}
