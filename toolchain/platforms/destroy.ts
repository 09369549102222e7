import { CommandError } from "../command.ts";
import { preparePulumi } from "../prepare.ts";
import { Stack, type Deployment } from "../stack.ts";
import type { PlatformPlugin } from "../pulumi.ts";
import type { TakeDown } from "./host.ts";

export interface DestroyOptions {
  readonly change?: (deployment: Deployment) => Deployment;
  readonly env?: Readonly<Record<string, string>>;
  readonly plugins?: readonly PlatformPlugin[];
}

/**
 * Destroys a stack through Pulumi, and forgets it.
 *
 * @param how.change  what is done to its state before, so that something of it stays
 * @param how.env     what Pulumi reads besides
 * @param how.plugins that the platform needs besides
 * @throws CommandError where Pulumi cannot, unless `force` is set
 */
export async function destroy(
  { name, folders, steps, force }: TakeDown,
  { change, env = {}, plugins }: DestroyOptions = {},
): Promise<void> {
  const stack = new Stack(name, folders, { ...(await preparePulumi(steps, folders, plugins)), ...env });
  try {
    await steps.run("Destroy", async (report) => {
      await stack.unlock(report);
      const deployment = await stack.export();
      if ((deployment.deployment.pending_operations ?? []).length > 0) await stack.settle(report);
      if (change) await stack.import(change(await stack.export()));
      await stack.destroy(report);
    });
  } catch (error) {
    if (!force || !(error instanceof CommandError)) throw error;
    steps.say(error.message);
  }
  await steps.run("Stack", () => stack.remove());
}
