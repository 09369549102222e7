import { existsSync, readFileSync } from "node:fs";
import { parse } from "yaml";
import { z } from "zod";
import { credentialsSchema, slotKey, type Rotated, type Slot, type Slots } from "../configs/credential-slots.ts";
import { UserError } from "../toolchain/command.ts";
import { deployStack } from "../toolchain/deploy.ts";
import { findFolders, type Folders } from "../toolchain/folders.ts";
import type { Host } from "../toolchain/platforms/host.ts";
import { openStack, platformOf } from "../toolchain/platforms/platforms.ts";
import { stackFile } from "../toolchain/stack-file.ts";
import { PROJECT, Stack } from "../toolchain/stack.ts";
import type { Steps } from "../toolchain/steps.ts";

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
  deploy(): Promise<void>;
  /** Takes a slot's secrets out of the stack's file, where a user has put any there. */
  dropOwn(slot: Slot): Promise<void>;
}

const outputsSchema = z.looseObject({ credentials: credentialsSchema.optional() });

const fileSchema = z.object({ config: z.record(z.string(), z.unknown()) });

/** The stack as this checkout has it. */
export class StackRotating implements Rotating {
  readonly name: string;
  readonly #what: Rotated;
  readonly #steps: Steps;
  readonly #folders: Folders = findFolders();
  #host: Promise<Host> | undefined;

  constructor(name: string, what: Rotated, steps: Steps) {
    this.name = name;
    this.#what = what;
    this.#steps = steps;
  }

  slots(): Slots {
    return readCredentials(this.name, this.#folders)[this.#what];
  }

  async deployed(): Promise<Slots | undefined> {
    const stack = await openStack(this.name, this.#folders, this.#steps);
    if (!stack.exists) return undefined;
    return outputsSchema.parse(await stack.outputs()).credentials?.[this.#what];
  }

  async set({ slot, other }: Slots): Promise<void> {
    const stack = await this.stack();
    // Both at once: between the two a deploy would refuse what serves.
    const path = `credentials.${this.#what}`;
    await this.#steps.run(
      "Stack file",
      () => stack.setConfig({ [`${path}.slot`]: slot, [`${path}.other`]: other }),
      () => `${slot} serves, the other is ${other}`,
    );
  }

  async deploy(): Promise<void> {
    const host = await this.#prepared();
    const goesOn = "run this again, and it goes on from there.";
    await deployStack({ name: this.name, host, steps: this.#steps, goesOn });
  }

  async dropOwn(slot: Slot): Promise<void> {
    const stack = await this.stack();
    for (const key of OWN_SECRETS[this.#what].map((name) => slotKey(name, slot)))
      if (hasOwn(this.name, key, this.#folders)) await stack.removeConfig(key);
  }

  /** A secret of the stack: the user's own where the file has one, else what was generated. */
  async secret(key: string, generated: string): Promise<string | undefined> {
    const stack = await this.stack();
    if (hasOwn(this.name, key, this.#folders)) return (await stack.secret(key)).trim();
    return stack.generatedSecret(generated);
  }

  async stack(): Promise<Stack> {
    const { folders, env } = await this.#prepared();
    return new Stack(this.name, folders, env);
  }

  /** A way to the API, for as long as it is used. */
  async reached<T>(use: (url: string) => Promise<T>): Promise<T> {
    const stack = await this.stack();
    const { reach } = await platformOf(this.name, this.#folders);
    const { url, end } = await reach(stack, this.#folders, await stack.outputs());
    try {
      return await use(url);
    } finally {
      await end();
    }
  }

  async #prepared(): Promise<Host> {
    this.#host ??= platformOf(this.name, this.#folders).then(({ prepare }) => prepare(this.name, this.#steps));
    return this.#host;
  }
}

/**
 * Reads what a stack's file says of its credentials.
 *
 * @throws UserError where that is not what it must be
 */
export function readCredentials(stack: string, folders: Folders): z.infer<typeof credentialsSchema> {
  const parsed = credentialsSchema.safeParse(configOf(stack, folders)[`${PROJECT}:credentials`] ?? {});
  if (parsed.success) return parsed.data;
  throw new UserError(
    `Pulumi.${stack}.yaml: slipway:credentials is not what it must be.\n${z.prettifyError(parsed.error)}`,
  );
}

/** Whether a stack's file brings a secret of its own. */
export function hasOwn(stack: string, key: string, folders: Folders): boolean {
  return configOf(stack, folders)[`${PROJECT}:${key}`] !== undefined;
}

function configOf(stack: string, folders: Folders): Readonly<Record<string, unknown>> {
  const path = stackFile(stack, folders);
  if (!existsSync(path)) return {};
  return fileSchema.safeParse(parse(readFileSync(path, "utf8"))).data?.config ?? {};
}
