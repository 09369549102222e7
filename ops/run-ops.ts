import { parseArgs, type ParseArgsConfig } from "node:util";
import { messageOf } from "../configs/message.ts";
import { EXIT } from "../backup/protocol.ts";
import { UserError } from "../toolchain/command.ts";
import { fold } from "../toolchain/fold.ts";
import { findFolders } from "../toolchain/folders.ts";
import { checkStackName, runMain, type Usage } from "../toolchain/main.ts";
import { readStackSettings, type StackSettings } from "../toolchain/stack-settings.ts";
import { Steps } from "../toolchain/steps.ts";
import { asksForJson, document } from "./json-document.ts";

export type Platform = StackSettings["platform"];

/** What every command takes. */
const DEFAULT_STACKS: string[] = ["dev"];
const COMMON = {
  stack: { type: "string", multiple: true, default: DEFAULT_STACKS },
  json: { type: "boolean", default: false },
} as const;

const STACK_LINE = "--stack name   the stack; default dev";
const STACKS_LINE = "--stack name   the stack, or several with commas between; default dev";
const JSON_LINE = "--json         one JSON document on standard output";

/** How commands end, for `--help`. */
const EXIT_LINES = [
  `${EXIT.good}    good`,
  `${EXIT.failed}    failed`,
  `${EXIT.usage}    wrong usage, or a stack that this cannot be done with`,
  `${EXIT.notGood}    it was done, and what was looked at is not good: damaged, drifted, or the key is kept nowhere else`,
  `${EXIT.busy}   another one is running`,
  "130  interrupted",
];

/** What a command does, and what it is asked for. */
export interface OpsCommand<T extends NonNullable<ParseArgsConfig["options"]>> {
  /** Its name; two words for one of a group. */
  readonly name: string;
  readonly summary: string;
  readonly options: T;
  /** A line of `--help` an option. */
  readonly optionLines: readonly string[];
  readonly examples: readonly string[];
  /** Words behind the name that it takes. @default 0 */
  readonly words?: number;
  /** Where it can be done. @default a Docker engine alone */
  readonly platforms?: readonly Platform[];
  /** Whether it takes several stacks at once. @default one alone */
  readonly severalStacks?: boolean;
  /** How it ends besides, a line of `--help` a code. @default as all commands do */
  readonly exitLines?: readonly string[];
  /** Where its codes say something of their own. @default those of all commands */
  readonly exits?: Exits;
  /** Gives nothing where it has written its answer itself. */
  readonly run: (asked: Asked<T>) => Promise<Said | undefined>;
}

/** How a command ends that did not come to an answer. */
export interface Exits {
  readonly usage: number;
  readonly failed: number;
  /** For `--help`, a code a line. */
  readonly lines: readonly string[];
}

const EXITS: Exits = { usage: EXIT.usage, failed: EXIT.failed, lines: EXIT_LINES };

type Values<T extends NonNullable<ParseArgsConfig["options"]>> = Parameters<
  Parameters<typeof runMain<T>>[2]
>[0]["values"];

export interface Asked<T extends NonNullable<ParseArgsConfig["options"]>> {
  readonly stack: string;
  /** All of them, where the command takes several. */
  readonly stacks: readonly string[];
  readonly platform: Platform;
  readonly values: Values<T & typeof COMMON>;
  /** Words behind the command's name. */
  readonly words: readonly string[];
  /** On standard error, so that standard output is the answer alone. */
  readonly steps: Steps;
}

/** What a command says at its end. */
export interface Said {
  readonly code: number;
  /** For programs. */
  readonly result: unknown;
  /** For people. */
  readonly text: string;
}

/** Runs a command of `slipway`: its answer goes to standard output, as text or as one JSON document. */
export async function runOps<T extends NonNullable<ParseArgsConfig["options"]>>(command: OpsCommand<T>): Promise<void> {
  const options = { ...COMMON, ...command.options };
  const work: Parameters<typeof runMain<T & typeof COMMON>>[2] = async ({ values, positionals }) => {
    const { stack, stacks, json } = commonOf(values);
    const head = headOf(command, stacks);
    try {
      const words = positionals.slice(command.name.split(" ").length);
      refuseMore(words, command);
      refuseMoreStacks(stacks, command);
      for (const other of stacks) takenPlatform(checkName(other), command.platforms);
      const platform = takenPlatform(stack, command.platforms);
      const said = await command.run({ stack, stacks, platform, values, words, steps: new Steps() });
      if (said === undefined) return;
      const { code, result, text } = said;
      process.exitCode = code;
      process.stdout.write(json ? document({ ...head, exitCode: code, result }) : shown(text));
    } catch (error) {
      const exitCode = codeOf(error, command.exits);
      if (json)
        process.stdout.write(
          document({ ...head, exitCode, failure: String(error instanceof Error ? error.message : error) }),
        );
      if (command.exits === undefined) throw error;
      throw new UserError(messageOf(error), exitCode);
    }
  };
  await runMain<T & typeof COMMON>(usageOf(command), options, work, (failure, exitCode) => {
    if (!asksForJson(process.argv)) return;
    process.stdout.write(document({ ...headOf(command, namedStacks(options)), exitCode, failure }));
  });
}

/** What every document begins with. */
function headOf(
  { name, severalStacks = false }: Pick<OpsCommand<never>, "name" | "severalStacks">,
  stacks: readonly string[],
) {
  return { command: name, ...(severalStacks ? { stacks } : { stack: stacks[0] }) };
}

/** The stacks, as far as they can be told where the words are not what they must be: none where their name is what is missing. */
function namedStacks(options: NonNullable<ParseArgsConfig["options"]>): readonly string[] {
  const { stack } = parseArgs({ options, strict: false, allowPositionals: true }).values;
  return [stack]
    .flat()
    .filter((name) => typeof name === "string" && !name.startsWith("-"))
    .flatMap((name) => String(name).split(","));
}

function codeOf(error: unknown, { usage, failed }: Exits = EXITS): number {
  const code = error instanceof UserError ? error.exitCode : EXIT.failed;
  const codes: Readonly<Record<number, number>> = { [EXIT.usage]: usage, [EXIT.failed]: failed };
  return codes[code] ?? code;
}

function usageOf({
  name,
  summary,
  optionLines,
  examples,
  severalStacks = false,
  exitLines = [],
  exits = EXITS,
}: Pick<
  OpsCommand<never>,
  "name" | "summary" | "optionLines" | "examples" | "severalStacks" | "exitLines" | "exits"
>): Usage {
  return {
    command: `slipway ${name}`,
    summary,
    options: [...optionLines, severalStacks ? STACKS_LINE : STACK_LINE, JSON_LINE],
    exitCodes: [...exits.lines, ...exitLines],
    wrongUsage: exits.usage,
    examples,
  };
}

/** The types of parseArgs do not follow what is common through a type parameter. */
function commonOf(values: Readonly<Record<string, unknown>>) {
  const stacks = [values["stack"]].flat().flatMap((text) => String(text).split(","));
  return { stack: stacks[0] ?? "dev", stacks: [...new Set(stacks)], json: values["json"] === true };
}

function refuseMoreStacks(
  stacks: readonly string[],
  { name, severalStacks = false }: Pick<OpsCommand<never>, "name" | "severalStacks">,
): void {
  if (stacks.length === 1 || severalStacks) return;
  throw new UserError(
    `slipway ${name} is for one stack at a time, got ${JSON.stringify(stacks)}. Call it once for each.`,
    EXIT.usage,
  );
}

function checkName(stack: string): string {
  try {
    return checkStackName(stack);
  } catch (error) {
    throw error instanceof UserError ? new UserError(error.message, EXIT.usage) : error;
  }
}

function refuseMore(
  words: readonly string[],
  { name, words: most = 0 }: Pick<OpsCommand<never>, "name" | "words">,
): void {
  if (words.length <= most) return;
  throw new UserError(
    `slipway ${name} takes ${most === 0 ? "no word" : `at most ${most}`} behind its name, got ${JSON.stringify(words)}. See: ./slipway ${name} --help`,
    EXIT.usage,
  );
}

/** What there is in the place of these commands, where a stack does not stand on a Docker engine. */
const INSTEAD = {
  kubernetes: "stands in a cluster, where it has no way yet. docs/kubernetes.md says what there is.",
  aws:
    "stands on AWS, which backs its data up itself: RDS keeps every moment of the last days (slipway:aws.data.database), S3 keeps versions, " +
    "ElastiCache snapshots. Restore there: ./slipway restore; try it: ./slipway drill. docs/aws.md says what is where.",
} as const;

/** @throws UserError where the command cannot be done where the stack stands */
export function takenPlatform(
  stack: string,
  taken: readonly Platform[] = ["docker"],
  root = findFolders().root,
): Platform {
  const platform = readStackSettings(stack, root)?.platform ?? "docker";
  if (platform === "docker" || taken.includes(platform)) return platform;
  throw new UserError(`This command is for stacks on a Docker engine. ${stack} ${INSTEAD[platform]}`, EXIT.usage);
}

/** A file and a pipe get whole lines. */
function shown(text: string): string {
  return process.stdout.isTTY ? fold(text, process.stdout.columns) : text;
}
