import { EXIT } from "../backup/protocol.ts";
import { UserError } from "../toolchain/command.ts";
import type { Attempts } from "./attempts.ts";
import { previous, switchTo } from "./generations.ts";
import { stackOption } from "./restore-run.ts";
import type { Said } from "./run-ops.ts";
import type { Switching } from "./switching.ts";
import { facts } from "./table.ts";
import { namesOf, startedAnew } from "./volumes.ts";

export interface BackArgs {
  readonly stack: string;
  readonly attempts: Pick<Attempts, "find" | "tidy" | "generations" | "disks">;
  readonly switching: Switching;
  /** The generation that is asked for. @default the one that served before */
  readonly named: string | undefined;
  readonly isYes: boolean;
}

/**
 * Switches to a generation that is kept. Asked for by its name it can be run again, however the run before ended.
 *
 * @throws UserError where there is no such generation, or where it is not clear which one is meant
 */
export async function goBack(args: BackArgs): Promise<Said> {
  const { stack, attempts, switching, isYes } = args;
  const attempt = await attempts.find();
  const { current } = switching.generations();
  const generation = await target(args);
  if (attempt?.state === "running" && attempt.generation !== current)
    throw new UserError(
      `A restore to ${attempt.typed} runs. Let it come to its end, or end it by ^C there, first.`,
      EXIT.busy,
    );
  await checkDisk(args, generation);
  if (!isYes)
    return { code: EXIT.good, result: { from: current, to: generation }, text: planText(args, current, generation) };
  if (generation !== current) await switching.change(switchTo(switching.generations(), generation));
  const routes = await switching.deploy();
  // One that had switched and was not at its end is given up by this.
  if (attempt !== undefined && attempt.generation !== generation) await attempts.tidy(attempt);
  const { kept } = switching.generations();
  return { code: EXIT.good, result: { generation, kept, routes }, text: doneText(stack, generation, kept) };
}

/** After a switch that was broken off, "the one before" may be either of two. */
async function target({ stack, switching, named }: BackArgs): Promise<string> {
  const generations = switching.generations();
  const { current } = generations;
  if (named !== undefined) return named === current ? current : previous(generations, named);
  const before = previous(generations);
  const deployed = await switching.deployed();
  if (deployed === undefined || deployed === current) return before;
  const command = (generation: string) => `./slipway restore --back --to ${generation} --yes${stackOption(stack)}`;
  throw new UserError(
    `A switch from ${deployed} to ${current} has not come to its end, so say which one you mean:\n  ${command(current)}\n  ${command(before)}`,
    EXIT.busy,
  );
}

async function checkDisk({ attempts }: BackArgs, generation: string): Promise<void> {
  if ((await attempts.generations()).includes(generation)) return;
  throw new UserError(
    `${attempts.disks(generation)[0].name} of the generation ${generation} is gone: there is nothing to go back to.`,
  );
}

function planText({ stack, attempts }: BackArgs, current: string, generation: string): string {
  const lines = facts([
    ["serve", namesOf(attempts.disks(generation))],
    [
      "keep",
      `${namesOf(attempts.disks(current))}, as the generation ${current}: what was written there since is there alone`,
    ],
    ["switch", `${startedAnew(attempts.disks(generation))}, by pulumi up`],
  ]);
  return `\nGoing back to the generation ${generation} would\n\n${lines}\nNothing was changed. To do it: ./slipway restore --back --to ${generation} --yes${stackOption(stack)}\n`;
}

function doneText(stack: string, generation: string, kept: readonly string[]): string {
  return (
    `\nThe generation ${generation} serves. Kept: ${kept.join(", ")}.\n` +
    `Forward again: ./slipway restore --back --to ${kept.at(-1) ?? ""} --yes${stackOption(stack)}\n`
  );
}
