import { z } from "zod";
import { credentialsSchema, slotKey, type Rotated, type Slot, type Slots } from "../configs/credential-slots.ts";
import { UserError } from "../toolchain/command.ts";
import type { Steps } from "../toolchain/steps.ts";
import { StackAtHand } from "./stack-at-hand.ts";
import { StackFile } from "./stack-file.ts";

/** Secrets of a stack's file that are in slots, by what they are rotated with. */
export const OWN_SECRETS = {
  database: ["databasePassword", "databaseOwnerPassword"],
  redis: ["redisPassword"],
  jwt: ["jwtKeys"],
  aes: ["aesSecret"],
} as const satisfies Record<Rotated, readonly string[]>;

/** What a rotation changes: the stack's file, and by a deploy what it stands for. */
export interface Rotating {
  /** What the stack's file says. */
  slots(): Slots;
  /** What the last deploy came to its end with; nothing where there was none. */
  deployed(): Promise<Slots | undefined>;
  set(slots: Slots): Promise<void>;
  deploy(): Promise<unknown>;
  /** Takes a slot's secrets out of the stack's file, where a user has put any there. */
  dropOwn(slot: Slot): Promise<void>;
}

const outputsSchema = z.looseObject({ credentials: credentialsSchema.optional() });

/** The stack as this checkout has it. */
export class StackRotating extends StackAtHand implements Rotating {
  readonly #what: Rotated;

  constructor(name: string, what: Rotated, steps: Steps) {
    super(name, steps);
    this.#what = what;
  }

  slots(): Slots {
    return readCredentials(this.name)[this.#what];
  }

  async deployed(): Promise<Slots | undefined> {
    const stack = await this.opened();
    return (await stack.exists()) ? outputsSchema.parse(await stack.outputs()).credentials?.[this.#what] : undefined;
  }

  async set({ slot, other }: Slots): Promise<void> {
    const stack = await this.stack();
    // Both at once: between the two a deploy would refuse what serves.
    const path = `credentials.${this.#what}`;
    await this.steps.run(
      "Stack file",
      () => stack.setConfig({ [`${path}.slot`]: slot, [`${path}.other`]: other }),
      () => `${slot} serves, the other is ${other}`,
    );
  }

  async dropOwn(slot: Slot): Promise<void> {
    const stack = await this.stack();
    const file = new StackFile(this.name);
    for (const key of OWN_SECRETS[this.#what].map((name) => slotKey(name, slot)))
      if (file.has(key)) await stack.removeConfig(key);
  }
}

/**
 * Reads what a stack's file says of its credentials.
 *
 * @throws UserError where that is not what it must be
 */
function readCredentials(stack: string): z.infer<typeof credentialsSchema> {
  const parsed = credentialsSchema.safeParse(new StackFile(stack).value("credentials") ?? {});
  if (parsed.success) return parsed.data;
  throw new UserError(
    `Pulumi.${stack}.yaml: slipway:credentials is not what it must be.\n${z.prettifyError(parsed.error)}`,
  );
}
