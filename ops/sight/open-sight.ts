import { whereStacksAre } from "../../toolchain/backend.ts";
import { findFolders } from "../../toolchain/folders.ts";
import { openStack, platformOf } from "../../toolchain/platforms/platforms.ts";
import { UserError } from "../../toolchain/command.ts";
import type { Outputs, Stack } from "../../toolchain/stack.ts";
import type { Steps } from "../../toolchain/steps.ts";
import { findDocker } from "../agent.ts";
import type { Platform } from "../run-ops.ts";
import { dockerSight } from "./docker-sight.ts";
import type { Sight } from "./sight.ts";

/** A stack that is up, to look at. */
export interface Opened {
  readonly stack: Stack;
  readonly outputs: Outputs;
  readonly sight: Sight;
  /** A way to the API, for as long as it is used. */
  readonly reached: <T>(use: (url: string) => Promise<T>) => Promise<T>;
}

/**
 * Opens a stack without changing or starting anything.
 *
 * @throws UserError where it is not up, or its platform does not answer
 */
export async function openSight(name: string, platform: Platform, steps: Steps): Promise<Opened> {
  const folders = findFolders();
  const stack = await openStack(name, folders, steps);
  if (!(await stack.exists()))
    throw new UserError(`The stack ${name} has no state ${whereStacksAre()}: it was never up. make up STACK=${name}`);
  const outputs = await stack.outputs().catch(() => undefined);
  if (outputs === undefined) throw new UserError(`The stack ${name} has never come up whole. make up STACK=${name}`);
  const { reach } = await platformOf(name, folders);
  return {
    stack,
    outputs,
    sight: platform === "docker" ? dockerSight(await findDocker(), name) : await inCluster(name, stack, outputs),
    reached: async (use) => {
      const { url, end } = await reach(stack, folders, outputs);
      try {
        return await use(url);
      } finally {
        await end();
      }
    },
  };
}

/** Loaded where it is needed: with it comes a client. */
async function inCluster(name: string, stack: Stack, outputs: Outputs): Promise<Sight> {
  const folders = findFolders();
  const { clusterSight } = await import("./cluster-sight.ts");
  const { cluster } = await platformOf(name, folders);
  const config = await cluster?.(stack, folders, outputs);
  if (config === undefined || outputs.namespace === undefined)
    throw new UserError(`The stack ${name} says no namespace of a cluster. Deploy it again: make up STACK=${name}`);
  return clusterSight({ config, namespace: outputs.namespace }, name);
}
