import { randomBytes } from "node:crypto";
import { EXIT } from "../backup/protocol.ts";
import { otherSlot, slotKey, type Rotated, type Slot, type Slots } from "../configs/credential-slots.ts";
import { roleName } from "../infra/logins.ts";
import { UserError } from "../toolchain/command.ts";
import type { Steps } from "../toolchain/steps.ts";
import { closeAgain, closingText } from "./closing-again.ts";
import { stackOption } from "./restore-run.ts";
import { OWN_SECRETS, StackRotating } from "./rotating.ts";
import { StackFile } from "./stack-file.ts";
import { runRotation } from "./rotation-run.ts";
import { checksOf, isExternal, isOwn } from "./rotation-servers.ts";
import { rotationGoal, stepsTo, type Goal } from "./rotation-steps.ts";
import type { Said } from "./run-ops.ts";
import { facts } from "./table.ts";

export interface RotateArgs {
  readonly stack: string;
  readonly steps: Steps;
  readonly isYes: boolean;
  readonly isBack: boolean;
  readonly isForget: boolean;
  readonly isOff: boolean;
}

export interface RotateSlotsArgs extends RotateArgs {
  readonly what: Rotated;
  /** Where to go back to. @default the slot that does not serve */
  readonly slot: Slot | undefined;
}

/** What others have in their hands, and what they have to do before `--off`. */
const HANDS: Readonly<Record<Rotated, string>> = {
  jwt: "Tokens that were signed before are good until they expire, an hour as make token makes them",
  aes:
    "ENC(...) values that you keep elsewhere, and that were closed before, open still; nobody but you can close them again with the new secret " +
    "(pulumi config get aesSecret or aesSecretSecond)",
  database: "Postgres is not the stack's: take LOGIN from the two roles that served, or their passwords, by yourself",
  redis: "Redis is not the stack's: take the password that served from it by yourself",
};

/**
 * Rotates what is in slots.
 *
 * @throws UserError saying in which state it stands, and how it goes on
 */
export async function rotateSlots(args: RotateSlotsArgs): Promise<Said> {
  const { stack, what, steps, isYes, isForget } = args;
  const rotating = new StackRotating(stack, what, steps);
  const before = rotating.slots();
  if (what === "aes") await checkAes(args, before);
  if (isForget) return forget(args, rotating, before);
  const goal = await goalOf(args, rotating, before);
  if (isExternal(what, stack)) checkBrought(stack, what, goal.slot);
  const plan = stepsTo(before, goal);
  if (!isYes) return planned(args, before, plan);
  if (what === "aes" && before.other === "none" && plan.length > 0) await makeAes(rotating, otherSlot(before.slot));
  // Also where they are turned off in a moment: what only the old secret opens would stop the next release.
  const closed = what === "aes" && before.other === "last" ? await closeAgain(rotating, before) : undefined;
  const checks = await checksOf(what, rotating);
  const { slots, seen } = await runRotation({ rotating, checks, goal, steps });
  const closing = what === "aes" && slots.other === "last" ? await closeAgain(rotating, slots) : closed;
  const said = closing === undefined ? "" : closingText(stack, closing);
  const values = closing && { closedAgain: closing.changes.map(({ path }) => path), strangers: closing.strangers };
  return {
    code: EXIT.good,
    result: { what, before, slots, seen, ...values },
    text: doneText(args, slots, seen) + said,
  };
}

async function goalOf(args: RotateSlotsArgs, rotating: StackRotating, now: Slots): Promise<Goal> {
  const { stack, what, isBack, isOff } = args;
  const turnsOff = isOwn(what, stack) || isOff;
  if (isBack) return { slot: backTo(args, now), isFresh: false, turnsOff: isOwn(what, stack) };
  if (isOff) return { slot: now.slot, isFresh: false, turnsOff };
  const goal = rotationGoal(now, await rotating.deployed());
  // Another's server has what its owner gave it: nothing is made anew here.
  return { ...goal, isFresh: goal.isFresh && !isExternal(what, stack), turnsOff };
}

/** In the middle of a rotation "the slot before" may be either of the two. */
function backTo({ stack, what, slot }: RotateSlotsArgs, now: Slots): Slot {
  const { slot: serving, other } = now;
  if (slot === serving) return serving;
  if (other === "none")
    throw new UserError(
      `There is no slot of ${what} to go back to: ${serving} is the only one. A rotation keeps the one before it.`,
      EXIT.usage,
    );
  if (other === "off" || slot !== undefined) return slot ?? otherSlot(serving);
  const command = (to: Slot) => `./slipway rotate ${what} --back --slot ${to} --yes${stackOption(stack)}`;
  throw new UserError(
    `A rotation of ${what} is not at its end (${serving} serves, the other is ${other}), so say which slot you mean:\n` +
      `  ${command("first")}\n  ${command("second")}\nTo its end: ./slipway rotate ${what} --yes${stackOption(stack)}`,
    EXIT.busy,
  );
}

async function forget({ stack, what, isYes }: RotateSlotsArgs, rotating: StackRotating, now: Slots): Promise<Said> {
  const slot = otherSlot(now.slot);
  if (now.other === "next" || now.other === "last")
    throw new UserError(
      `The slot ${slot} of ${what} is accepted: a rotation is not at its end. Bring it there: ./slipway rotate ${what} --yes${stackOption(stack)}`,
      EXIT.busy,
    );
  const result = { what, slots: { slot: now.slot, other: "none" } };
  const isDeployed = (await rotating.deployed())?.other === "none";
  if (now.other === "none" && isDeployed)
    return { code: EXIT.good, result, text: `\nThere is no slot of ${what} to forget: ${now.slot} is the only one.\n` };
  if (!isYes)
    return {
      code: EXIT.good,
      result,
      text: `\nThe slot ${slot} of ${what} would be deleted; there would be no way back to it. To do it: ./slipway rotate ${what} --forget --yes${stackOption(stack)}\n`,
    };
  if (now.other === "off") await rotating.set({ slot: now.slot, other: "none" });
  await rotating.dropOwn(slot);
  await rotating.deploy();
  return { code: EXIT.good, result, text: `\nThe slot ${slot} of ${what} is deleted. ${now.slot} serves.\n` };
}

/** What opens another's server is not ours to make. */
function checkBrought(stack: string, what: "database" | "redis", slot: Slot): void {
  const file = new StackFile(stack);
  const missing = OWN_SECRETS[what].map((key) => slotKey(key, slot)).filter((key) => !file.has(key));
  if (missing.length === 0) return;
  throw new UserError(
    `The server of ${what} is not the stack's: Pulumi.${stack}.yaml has to bring what opens the slot ${slot} there, and has no ${missing.join(", no ")}. ` +
      `${MAKE_THERE[what](slot)}, then: ${missing.map((key) => `pulumi config set --secret ${key}`).join("; ")}`,
    EXIT.usage,
  );
}

const MAKE_THERE = {
  database: (slot: Slot) =>
    `Make the roles ${roleName("app", slot)} and ${roleName("owner", slot)} there, members of those of the other slot`,
  redis: () => "Give Redis' default user a second password there",
} as const;

/** Without one there are no ENC(...) values, and nothing to rotate. */
async function checkAes({ stack }: RotateSlotsArgs, { slot }: Slots): Promise<void> {
  const key = slotKey("aesSecret", slot);
  if (new StackFile(stack).has(key)) return;
  throw new UserError(
    `Pulumi.${stack}.yaml has no slipway:${key}: its services open no ENC(...) values, and there is nothing to rotate. ` +
      `To give them one: pulumi config set --secret ${key}`,
    EXIT.usage,
  );
}

/** The program makes none by itself: a stack without ENC(...) values has no use for it. */
async function makeAes(rotating: StackRotating, slot: Slot): Promise<void> {
  const stack = await rotating.stack();
  await stack.setSecret(slotKey("aesSecret", slot), randomBytes(32).toString("base64url"));
}

const MEANS: Readonly<Record<Slots["other"], (slot: Slot, other: Slot) => string>> = {
  none: (slot, other) => `what was kept of ${other} is deleted; ${slot} serves`,
  next: (slot, other) => `${other} is accepted beside ${slot}, and a login by it is waited for`,
  last: (slot, other) => `services are moved to ${slot}; ${other} is accepted until none of them uses it`,
  off: (slot, other) => `${other} is refused, and kept for the way back; ${slot} serves`,
};

function planned({ stack, what, isBack, isOff, slot }: RotateSlotsArgs, now: Slots, plan: readonly Slots[]): Said {
  const result = { what, slots: now, plan };
  if (plan.length === 0)
    return { code: EXIT.good, result, text: `\n${what}: the slot ${now.slot} serves, and there is nothing to do.\n` };
  const lines = plan.map((step, at): [string, string] => [
    `${at + 1}.`,
    MEANS[step.other](step.slot, otherSlot(step.slot)),
  ]);
  const words = [isBack ? " --back" : "", slot === undefined ? "" : ` --slot ${slot}`, isOff ? " --off" : ""].join("");
  return {
    code: EXIT.good,
    result,
    text:
      `\nOf ${what} the slot ${now.slot} serves. One line of Pulumi.${stack}.yaml and one pulumi up each, while everything serves:\n\n${facts(lines)}\n` +
      `Nothing was changed. To do it: ./slipway rotate ${what}${words} --yes${stackOption(stack)}\n`,
  };
}

function doneText({ stack, what }: RotateSlotsArgs, { slot, other }: Slots, seen: readonly string[]): string {
  const kept = otherSlot(slot);
  const head = `\nOf ${what} the slot ${slot} serves. Seen: ${seen.join(", ")}.\n`;
  const command = (words: string) => `./slipway rotate ${what} ${words} --yes${stackOption(stack)}`;
  switch (other) {
    case "off":
      return `${head}${kept} is refused, and kept. Back to it: ${command("--back")}. Let it go: ${command("--forget")}\n`;
    case "last":
      return `${head}${HANDS[what]}. Then turn ${kept} off: ${command("--off")}\n`;
    case "next":
    case "none":
      return head;
  }
}
