import { z } from "zod";
import { EXIT } from "../backup/protocol.ts";
import { dataSchema, FIRST_GENERATION } from "../configs/stack-backup.ts";
import { UserError } from "../toolchain/command.ts";
import type { Folders } from "../toolchain/folders.ts";
import { readStackFile } from "../toolchain/stack-file.ts";

/** Generations whose volumes a stack may have beside the one that serves: what configs/stack-backup.ts allows. */
const MOST_KEPT = 16;

/** Generations of data that a stack's file declares. */
export interface Generations {
  /** The one that serves, or will with the next deploy. */
  readonly current: string;
  /** Those whose volumes stay; the one that served before is the last. */
  readonly kept: readonly string[];
}

const fileSchema = z.object({ config: z.object({ "slipway:data": dataSchema.prefault({}) }) });

/**
 * Reads what a stack's file says of its data.
 *
 * @throws UserError where that is not what it must be
 */
export function readGenerations(stack: string, folders: Folders): Generations {
  const parsed = fileSchema.safeParse(readStackFile(stack, folders));
  if (!parsed.success)
    throw new UserError(`Pulumi.${stack}.yaml: slipway:data is not what it must be.\n${z.prettifyError(parsed.error)}`);
  const { generation, kept } = parsed.data.config["slipway:data"];
  return { current: generation, kept };
}

/** Values to set in a stack's file, by path, all of them at once: between two of them a deploy would delete what was not kept yet. */
export type Change = Readonly<Record<string, string>>;

/**
 * Makes another generation the current one; the one that is stays kept, and is the last of those.
 *
 * @throws UserError where that would be more than can be kept
 */
export function switchTo({ current, kept }: Generations, generation: string): Change {
  const others = kept.filter((name) => name !== generation && name !== current);
  const next = [...others, current];
  if (next.length > MOST_KEPT)
    throw new UserError(
      `${next.length} generations of data would be kept, at most ${MOST_KEPT} may be: ${next.join(", ")}. ` +
        `Remove one: ./slipway restore --forget ${next[0] ?? ""}`,
    );
  return {
    "data.generation": generation,
    ...Object.fromEntries(next.map((name, at) => [`data.kept[${at}]`, name])),
  };
}

/** What the file says after a change. */
export function afterChange({ kept }: Generations, change: Change): Generations {
  const list = [...kept];
  for (const [path, value] of Object.entries(change)) {
    const at = /^data\.kept\[(\d+)\]$/.exec(path)?.[1];
    if (at !== undefined) list[Number(at)] = value;
  }
  return { current: change["data.generation"] ?? FIRST_GENERATION, kept: list };
}

/**
 * The generation to go back to.
 *
 * @param named by whoever asks. @default the one that served before
 * @throws UserError where there is no such one
 */
export function previous({ current, kept }: Generations, named?: string): string {
  const others = kept.filter((name) => name !== current);
  const found = named === undefined ? others.at(-1) : others.find((name) => name === named);
  if (found !== undefined) return found;
  throw new UserError(
    others.length === 0
      ? `There is no generation to go back to: ${current} is the only one. A restore keeps the one before it.`
      : `There is no generation ${JSON.stringify(named)} to go back to; kept are ${others.join(", ")}, and ${current} serves.`,
    EXIT.usage,
  );
}

/** Name of the generation that a restore to a moment makes: the first that is free. The same while nothing has changed. */
export function generationFor(target: string, { current, kept }: Generations): string {
  const base = new Date(target).toISOString().replaceAll(/[-:]/g, "").slice(0, 15).toLowerCase();
  const taken = new Set([current, ...kept]);
  const suffixes = ["", ...Array.from("bcdefghijklmnopqrstuvwxyz")];
  const free = suffixes.map((suffix) => `${base}${suffix}`).find((name) => !taken.has(name));
  if (free !== undefined) return free;
  throw new UserError(
    `${target} was restored 26 times, and all of them are kept. Remove some: ./slipway restore --forget ${base}`,
  );
}
