import type { Folders } from "../folders.ts";
import { policyEnvironment } from "../policies.ts";
import { preparePulumi } from "../prepare.ts";
import { readStackSettings, type StackSettings } from "../stack-settings.ts";
import { Stack } from "../stack.ts";
import type { Steps } from "../steps.ts";
import type { PlatformCommands, Sight } from "./host.ts";

/** Loaded when it is picked: the platform kubernetes brings a client along. */
const PLATFORMS = {
  docker: async () => (await import("./docker.ts")).docker,
  kubernetes: async () => (await import("./kubernetes.ts")).kubernetes,
  aws: async () => (await import("./aws.ts")).aws,
} as const satisfies Record<StackSettings["platform"], () => Promise<PlatformCommands>>;

/**
 * What is a stack's platform's own. A file that names no platform is refused by the program, with what is allowed; until then it counts
 * as one on a Docker engine.
 *
 * @throws UserError where the stack has no file
 */
export async function platformOf(stack: string, folders: Folders): Promise<PlatformCommands> {
  const own = await PLATFORMS[readStackSettings(stack, folders.root)?.platform ?? "docker"]();
  return {
    ...own,
    environment: (name, at) => ({ ...own.environment(name, at), ...policyEnvironment(name, at) }),
    prepare: async (name, steps) => {
      const host = await own.prepare(name, steps);
      return { ...host, env: { ...host.env, ...policyEnvironment(name, host.folders) } };
    },
  };
}

/** A stack that may be up, for commands that look at it. */
export async function openStack(name: string, folders: Folders, steps: Steps): Promise<Stack> {
  return new Stack(name, folders, await stackEnvironment(name, folders, steps));
}

/** What Pulumi reads for a look at a stack. */
export async function stackEnvironment(
  name: string,
  folders: Folders,
  steps: Steps,
): Promise<Readonly<Record<string, string>>> {
  const { environment, plugins } = await platformOf(name, folders);
  return { ...(await preparePulumi(steps, folders, plugins)), ...environment(name, folders) };
}

/** The same, with what can be seen of it. */
export async function lookAt(
  name: string,
  folders: Folders,
  steps: Steps,
): Promise<{ readonly stack: Stack; readonly sight: Sight }> {
  const { sight } = await platformOf(name, folders);
  return { stack: await openStack(name, folders, steps), sight: await sight(folders) };
}
