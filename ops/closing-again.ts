import { otherSlot, slotKey, type Slots } from "../configs/credential-slots.ts";
import { closedAgain, type Closing } from "./closed-values.ts";
import type { StackRotating } from "./rotating.ts";

/**
 * Closes the `ENC(...)` values of the stack's file with the secret that serves, and deploys them. To be called while both secrets open: only
 * then is what a process reads good at every moment.
 */
export async function closeAgain(rotating: StackRotating, { slot }: Slots): Promise<Closing> {
  const stack = await rotating.stack();
  const [to, from] = [
    await stack.secret(slotKey("aesSecret", slot)),
    await stack.secret(slotKey("aesSecret", otherSlot(slot))),
  ];
  const closing = closedAgain(await stack.config(), { to: to.trim(), from: from.trim() });
  if (closing.changes.length === 0) return closing;
  await rotating.steps.run(
    "Stack file",
    async () => {
      for (const { path, value, isSecret } of closing.changes)
        await (isSecret ? stack.setSecret(path, value) : stack.setConfig({ [path]: value }));
    },
    () => `closed again: ${closing.changes.map(({ path }) => path).join(", ")}`,
  );
  await rotating.deploy();
  return closing;
}

/** What is said of them at the end. */
export function closingText(stack: string, { changes, strangers }: Closing): string {
  const paths = (of: readonly string[]) => of.map((path) => `slipway:${path}`).join(", ");
  const closed =
    changes.length === 0
      ? `Pulumi.${stack}.yaml has no ENC(...) value that had to be closed again.`
      : `Closed again in Pulumi.${stack}.yaml: ${paths(changes.map(({ path }) => path))}.`;
  const left = strangers.length === 0 ? "" : ` Opened by neither secret, and left alone: ${paths(strangers)}.`;
  return `${closed}${left}\n`;
}
