import { askOnTerminal, type Ask } from "../toolchain/ask.ts";
import { EXIT } from "../backup/protocol.ts";
import { UserError } from "../toolchain/command.ts";
import type { Attempts } from "./attempts.ts";
import type { Said } from "./run-ops.ts";
import type { Switching } from "./switching.ts";
import { namesOf, startedAnew } from "./volumes.ts";

export interface ForgetArgs {
  readonly attempts: Pick<Attempts, "find" | "generations" | "disks" | "remove">;
  readonly switching: Switching;
  readonly generation: string;
  readonly isYes: boolean;
  /** @default the terminal */
  readonly ask?: Ask;
}

/**
 * Deletes a generation that is kept. Killed in between and run again, it deletes what is left of it.
 *
 * @throws UserError where it serves, or there is none of that name, or the answer is not its name
 */
export async function forget(args: ForgetArgs): Promise<Said> {
  const { attempts, generation, switching } = args;
  await check(args);
  await consent(args);
  const resources = attempts.disks(generation).flatMap(({ resource }) => resource ?? []);
  // The deploy that deletes no longer has them, and cannot take a protection off.
  if (await switching.isProtected(resources)) await switching.deploy(resources);
  await switching.forget(generation);
  await switching.deploy(resources);
  // What no deploy ever had is nobody's to delete but ours.
  await attempts.remove(generation);
  const { current, kept } = switching.generations();
  const others = kept.length === 0 ? "no other is kept" : `kept: ${kept.join(", ")}`;
  return {
    code: EXIT.good,
    result: { forgotten: generation, current, kept },
    text: `\nThe generation ${generation} is deleted. ${current} serves; ${others}.\n`,
  };
}

async function check({ attempts, switching, generation }: ForgetArgs): Promise<void> {
  const { current, kept } = switching.generations();
  if (generation === current)
    throw new UserError(
      `The generation ${generation} serves, and is not deleted. Kept are: ${kept.join(", ") || "none"}.`,
      EXIT.usage,
    );
  const attempt = await attempts.find();
  if (attempt?.generation === generation)
    throw new UserError(`The generation ${generation} is being restored. Let that come to its end first.`, EXIT.busy);
  if (kept.includes(generation) || (await attempts.generations()).includes(generation)) return;
  throw new UserError(
    `There is no generation ${JSON.stringify(generation)}. Kept are: ${kept.join(", ") || "none"}.`,
    EXIT.usage,
  );
}

async function consent({ attempts, generation, isYes, ask = askOnTerminal() }: ForgetArgs): Promise<void> {
  if (isYes) return;
  if (ask.isYes)
    throw new UserError(
      `--forget deletes data, and nobody is at a terminal to be asked. Add --yes where that is meant.`,
      EXIT.usage,
    );
  const disks = attempts.disks(generation);
  const anew = disks.some(({ resource }) => resource === undefined)
    ? `Empty ones are made in their place, and ${startedAnew(disks)} for it.\n`
    : "";
  const answer = await ask.question(
    `This deletes ${namesOf(disks)} with everything on them.\n${anew}Type the name of the generation to go on (${generation}): `,
  );
  if (answer.trim() !== generation) throw new UserError("That is not its name; nothing was deleted.");
}
