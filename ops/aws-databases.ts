import { z } from "zod";
import { EXIT } from "../backup/protocol.ts";
import { FIRST, generationFaults, generations, LATEST } from "../configs/aws-generations.ts";
import { UserError } from "../toolchain/command.ts";
import type { Folders } from "../toolchain/folders.ts";
import { readStackFile } from "../toolchain/stack-file.ts";
import { generationFor, type Change } from "./generations.ts";

/** Path of the databases in a stack's file, below `slipway:`. */
const PATH = "aws.data.database";

const fileSchema = z.object({
  config: z.object({ "slipway:aws": z.object({ data: z.object({ database: z.object(generations) }) }) }),
});

/** Instances of RDS that a stack's file declares, and which of them serves. */
export type AwsDatabases = z.infer<typeof fileSchema>["config"]["slipway:aws"]["data"]["database"];

/**
 * Reads what a stack's file says of its databases.
 *
 * @throws UserError where that is not what it must be
 */
export function readAwsDatabases(stack: string, folders: Folders): AwsDatabases {
  const parsed = fileSchema.safeParse(readStackFile(stack, folders));
  const faults = parsed.success
    ? generationFaults(parsed.data.config["slipway:aws"].data.database).map(([at, said]) => `  ${at}: ${said}`)
    : [z.prettifyError(parsed.error)];
  if (parsed.success && faults.length === 0) return parsed.data.config["slipway:aws"].data.database;
  throw new UserError(`Pulumi.${stack}.yaml: slipway:${PATH} is not what it must be.\n${faults.join("\n")}`);
}

/** All of them that are there, in the order that they came. */
export function databaseNames({ restored, keepFirst }: AwsDatabases): readonly string[] {
  return [...(keepFirst ? [FIRST] : []), ...restored.map(({ name }) => name)];
}

/** The restore that a moment asks for: one that the file has already and that does not serve yet, or a new one. */
export interface PlannedDatabase {
  readonly name: string;
  /** What brings it into the file; nothing where it is there. */
  readonly change: Change | undefined;
  /** Where it stands in the file. */
  readonly path: string;
}

/** A moment as the file has it. */
export function momentInFile(to: string): string {
  return to === LATEST ? LATEST : new Date(to).toISOString().replace(/\.\d+Z$/, "Z");
}

/**
 * @param to   moment, UTC, or `latest`
 * @param now  milliseconds, which names what is restored to the latest moment
 */
export function planDatabase(databases: AwsDatabases, to: string, now: number): PlannedDatabase {
  const { restored, serving } = databases;
  const moment = momentInFile(to);
  const servedAt = restored.findIndex(({ name }) => name === serving);
  // One that is behind the one that serves was begun and has not come to its end.
  const begun = restored.findIndex(
    (one, index) => index > servedAt && one.from === serving && one.to === moment && one.name !== serving,
  );
  const at = begun < 0 ? restored.length : begun;
  const path = `${PATH}.restored[${at}]`;
  const known = restored[begun];
  if (known !== undefined) return { name: known.name, change: undefined, path };
  const target = moment === LATEST ? new Date(now).toISOString() : moment;
  const name = generationFor(target, { current: serving, kept: databaseNames(databases) });
  return { name, path, change: { [`${path}.name`]: name, [`${path}.from`]: serving, [`${path}.to`]: moment } };
}

/** Lets the services go to another database of the file. */
export function serve(name: string): Change {
  return { [`${PATH}.serving`]: name };
}

/**
 * The database to go back to.
 *
 * @param named by whoever asks. @default the one that the serving one was made of
 * @throws UserError where there is no such one
 */
export function databaseBefore(databases: AwsDatabases, named?: string): string {
  const { restored, serving } = databases;
  const all = databaseNames(databases);
  const before = named ?? restored.find(({ name }) => name === serving)?.from;
  if (before === serving && named !== undefined) return named;
  if (before !== undefined && all.includes(before)) return before;
  throw new UserError(
    before === undefined
      ? `There is no database to go back to: ${serving} was restored from none.`
      : `There is no database ${JSON.stringify(before)} to go back to. There are: ${all.join(", ")}; ${serving} serves.`,
    EXIT.usage,
  );
}
