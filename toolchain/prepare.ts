import { askOnTerminal } from "./ask.ts";
import { sharedBackend } from "./backend.ts";
import { ensureBaseImage } from "./base-image.ts";
import { dropCutAttributes } from "./cut-attributes.ts";
import { planEngine, startEngine } from "./docker.ts";
import { findEngine, type EngineAddress } from "./engine.ts";
import { pulumiEnvironment } from "./env.ts";
import { findFolders, type Folders } from "./folders.ts";
import { passphraseFile } from "./passphrase.ts";
import { findPulumi, type PlatformPlugin } from "./pulumi.ts";
import { PROJECT } from "./stack.ts";
import { hideSalts } from "./stack-file.ts";
import type { Steps } from "./steps.ts";

/** A machine on which `pulumi up` can run. */
export interface Prepared {
  readonly folders: Folders;
  readonly engine: EngineAddress;
  /** For Pulumi and everything that is run beside it. */
  readonly env: Readonly<Record<string, string>>;
}

/**
 * Brings Pulumi, its plugins, a Docker engine and the base image onto this machine, side by side: compiling fills the
 * processors while packages are fetched. What is there already is taken as it is.
 *
 * @param besides plugins besides those of all stacks @default none
 */
export async function prepare(steps: Steps, besides: readonly PlatformPlugin[] = []): Promise<Prepared> {
  const folders = findFolders();
  // Asked first: nobody has to come back after ten minutes to say yes.
  const plan = await planEngine(askOnTerminal());
  const [env, engine] = await Promise.all([
    preparePulumi(steps, folders, besides),
    (async () => {
      const address = await steps.run(
        "Docker engine",
        (report) => startEngine(plan, folders, report),
        ({ host }) => host,
      );
      await steps.run(
        "Base image",
        (report) => ensureBaseImage(address, folders, report),
        (origin) => origin,
      );
      return address;
    })(),
  ]);
  return { folders, engine, env: { ...env, ...(engine.isDefault ? {} : { DOCKER_HOST: engine.host }) } };
}

/**
 * Brings Pulumi and its plugins onto this machine; asks for no engine.
 *
 * @param besides plugins that the stack's platform needs @default none
 */
export async function preparePulumi(
  steps: Steps,
  folders: Folders,
  besides: readonly PlatformPlugin[] = [],
): Promise<Record<string, string>> {
  const pulumi = await findPulumi(folders, steps, besides);
  await hideSalts(folders);
  dropCutAttributes(folders, PROJECT);
  const search = await findEngine();
  const backend = sharedBackend();
  return pulumiEnvironment({
    folders,
    pulumi,
    state: backend === undefined ? { passphraseFile: passphraseFile(folders) } : { backend },
    engine: "found" in search ? search.found : undefined,
    previousPath: process.env["PATH"] ?? "",
  });
}
