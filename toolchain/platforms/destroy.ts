import { nameOf } from "../../infra/plan/urn.ts";
import { CommandError, UserError } from "../command.ts";
import { preparePulumi } from "../prepare.ts";
import { Stack, type Deployment } from "../stack.ts";
import type { PlatformPlugin } from "../pulumi.ts";
import type { TakeDown } from "./host.ts";

export interface DestroyOptions {
  readonly change?: (deployment: Deployment) => Deployment;
  readonly before?: (stack: Stack) => Promise<void>;
  readonly env?: Readonly<Record<string, string>>;
  readonly plugins?: readonly PlatformPlugin[];
}

/**
 * Destroys a stack through Pulumi, and forgets it.
 *
 * @param how.change  what is done to its state before, so that something of it stays
 * @param how.before  what is done before anything is gone; where it fails, nothing is
 * @param how.env     what Pulumi reads besides
 * @param how.plugins that the platform needs besides
 * @throws CommandError where Pulumi cannot, unless `force` is set
 * @throws UserError where the stack protects something; nothing is gone then
 */
export async function destroy(
  { name, folders, steps, force }: TakeDown,
  { change, before, env = {}, plugins }: DestroyOptions = {},
): Promise<void> {
  const stack = new Stack(name, folders, { ...(await preparePulumi(steps, folders, plugins)), ...env });
  try {
    await before?.(stack);
    await steps.run("Destroy", async (report) => {
      await stack.unlock(report);
      const deployment = await stack.export();
      if ((deployment.deployment.pending_operations ?? []).length > 0) await stack.settle(report);
      if (!force) refuseProtected(name, deployment);
      if (change) await stack.import(change(await stack.export()));
      await stack.destroy(report);
    });
  } catch (error) {
    if (!force || !(error instanceof CommandError)) throw error;
    steps.say(error.message);
  }
  await steps.run("Stack", () => stack.remove());
}

/** Pulumi itself refuses what is protected when it comes to it: everything that serves is gone by then. */
export function refuseProtected(stack: string, { deployment }: Deployment): void {
  const kept = (deployment.resources ?? []).filter(({ protect }) => protect === true);
  if (kept.length === 0) return;
  const names = kept.map(({ urn, type }) => `  ${nameOf(urn)} (${type})`);
  throw new UserError(
    `The stack ${stack} protects ${kept.length} of its resources, and nothing of it was touched:\n${names.join("\n")}\n` +
      "To destroy it with its data, take the protection off first: slipway:teardown: true in its file and one `make up`. " +
      "Then run this again.",
  );
}
