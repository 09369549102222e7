import { deployStack } from "../toolchain/deploy.ts";
import { findFolders, type Folders } from "../toolchain/folders.ts";
import type { ClusterPlace } from "../toolchain/platforms/pod-exec.ts";
import type { Host } from "../toolchain/platforms/host.ts";
import { openStack, platformOf } from "../toolchain/platforms/platforms.ts";
import { UserError } from "../toolchain/command.ts";
import { Stack } from "../toolchain/stack.ts";
import type { Steps } from "../toolchain/steps.ts";
import { StackFile } from "./stack-file.ts";

/** A stack as this checkout has it: what its file says can be changed, and deployed. */
export class StackAtHand {
  readonly name: string;
  readonly steps: Steps;
  readonly folders: Folders = findFolders();
  #host: Promise<Host> | undefined;

  constructor(name: string, steps: Steps) {
    this.name = name;
    this.steps = steps;
  }

  async stack(): Promise<Stack> {
    const { folders, env } = await this.#prepared();
    return new Stack(this.name, folders, env);
  }

  /** The same to look at alone: nothing is asked of its platform. */
  opened(): Promise<Stack> {
    return openStack(this.name, this.folders, this.steps);
  }

  /** @param allow logical names of data that it may delete @default none */
  async deploy(allow: readonly string[] = []): Promise<Stack> {
    const host = await this.#prepared();
    const goesOn = "run this again, and it goes on from there.";
    const command = `slipway ${process.argv[2] ?? ""}`.trim();
    return deployStack({ name: this.name, host, steps: this.steps, command, goesOn, allow });
  }

  /** A secret of the stack: the user's own where the file has one, else what was generated. */
  async secret(key: string, generated: string): Promise<string | undefined> {
    const stack = await this.stack();
    if (new StackFile(this.name).has(key)) return (await stack.secret(key)).trim();
    return stack.generatedSecret(generated);
  }

  /** A way to the API, for as long as it is used. */
  async reached<T>(use: (url: string) => Promise<T>): Promise<T> {
    const stack = await this.stack();
    const { reach } = await platformOf(this.name, this.folders);
    const { url, end } = await reach(stack, this.folders, await stack.outputs());
    try {
      return await use(url);
    } finally {
      await end();
    }
  }

  /** The cluster that it stands in, and its namespace there. */
  async cluster(): Promise<ClusterPlace> {
    const stack = await this.stack();
    const outputs = await stack.outputs();
    const { cluster } = await platformOf(this.name, this.folders);
    const config = await cluster?.(stack, this.folders, outputs);
    const { namespace } = outputs;
    if (config === undefined || namespace === undefined)
      throw new UserError(
        `The stack ${this.name} stands in no cluster, or is not up. Is it? make up STACK=${this.name}`,
      );
    return { config, namespace };
  }

  async #prepared(): Promise<Host> {
    this.#host ??= platformOf(this.name, this.folders).then(({ prepare }) => prepare(this.name, this.steps));
    return this.#host;
  }
}
