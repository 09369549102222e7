import { parseArgs, type ParseArgsConfig } from "node:util";
import { messageOf } from "../configs/message.ts";
import { endCommands, passSignalsOn, UserError } from "./command.ts";

/** What a command says of itself for `--help`. */
export interface Usage {
  /** Such as `make up`. */
  readonly command: string;
  /** What it does, in a sentence or two. */
  readonly summary: string;
  /** An option a line, with the variable that sets it through make. */
  readonly options: readonly string[];
  readonly examples: readonly string[];
  /** A code a line, where they are more than 0, 1 and 2. */
  readonly exitCodes?: readonly string[];
  /** Exit code after an option that it does not know. @default 2 */
  readonly wrongUsage?: number;
}

/** Exit code after an option or a word that the command does not know. */
const WRONG_USAGE = 2;

/**
 * Runs a command: `--help` prints its usage, a fault that a person can mend its message; either way the exit code says so.
 *
 * @param options   what `parseArgs` knows beside `--help`; anything else is refused
 * @param onRefused told why, and of the exit code, where that is so: nobody else hears of it before the process ends
 */
export async function runMain<T extends NonNullable<ParseArgsConfig["options"]>>(
  usage: Usage,
  options: T,
  work: (values: ReturnType<typeof parseArgs<{ options: T; allowPositionals: true }>>) => Promise<void>,
  onRefused: OnRefused = () => undefined,
): Promise<void> {
  if (process.argv.includes("--help") || process.argv.includes("-h")) {
    process.stdout.write(formatUsage(usage));
    return;
  }
  passSignalsOn();
  try {
    refuseForeignSystems();
    await work(parse(options, usage, onRefused));
  } catch (error) {
    const isKnown = error instanceof UserError && process.env["SLIPWAY_DEBUG"] !== "1";
    process.stderr.write(
      `\n${isKnown ? error.message : error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
    );
    // What runs beside the step that failed is of no use any more.
    endCommands();
    process.exit(error instanceof UserError ? error.exitCode : 1);
  }
}

type OnRefused = (why: string, exitCode: number) => void;

function parse<T extends NonNullable<ParseArgsConfig["options"]>>(options: T, usage: Usage, onRefused: OnRefused) {
  try {
    return parseArgs({ options, allowPositionals: true });
  } catch (error) {
    const why = messageOf(error);
    const exitCode = usage.wrongUsage ?? WRONG_USAGE;
    onRefused(why, exitCode);
    throw new UserError(`${why}\n\n${formatUsage(usage)}`, exitCode);
  }
}

/** @throws UserError on anything but Linux */
export function refuseForeignSystems(platform: NodeJS.Platform = process.platform): void {
  if (platform === "linux") return;
  const instead =
    platform === "win32"
      ? "Use WSL 2: `wsl --install -d Debian`, and clone there."
      : "Use a Linux machine, or a virtual one.";
  throw new UserError(`Slipway's commands run on Linux; this is ${platform}. ${instead}`);
}

/** The text of `--help`. */
export function formatUsage({ command, summary, options, examples, exitCodes = [] }: Usage): string {
  const list = (title: string, lines: readonly string[]) =>
    lines.length === 0 ? "" : `\n${title}\n${lines.map((line) => `  ${line}\n`).join("")}`;
  return `${command}: ${summary}\n${list("Options", options)}${list("Exit codes", exitCodes)}${list("Examples", examples)}`;
}

/** What may stand as a stack's name; Pulumi's own rule. */
export function checkStackName(name: string): string {
  if (/^[A-Za-z0-9_.-]{1,100}$/.test(name)) return name;
  throw new UserError(
    `The stack's name is ${JSON.stringify(name)}; allowed are 1 to 100 letters, digits, dots, dashes and underscores.`,
  );
}
