import { spawn, type ChildProcess } from "node:child_process";
import { createInterface } from "node:readline";

/** A fault that a person can mend: its message says how, a stack trace would only hide it. */
export class UserError extends Error {
  /** What the process ends with. */
  readonly exitCode: number;

  /** @param exitCode @default 1 */
  constructor(message: string, exitCode = 1) {
    super(message);
    this.name = "UserError";
    this.exitCode = exitCode;
  }
}

/** A program that could not be started, or ended with something else than 0. */
export class CommandError extends UserError {
  /** Exit code; `undefined` where it did not start or a signal ended it. */
  readonly code: number | undefined;
  /** Everything it printed. */
  readonly output: string;

  constructor(command: string, how: string, code: number | undefined, output: string) {
    super(`${command}: ${how}${output === "" ? "" : `\n${lastLines(output, 40)}`}`);
    this.name = "CommandError";
    this.code = code;
    this.output = output;
  }
}

export interface CommandOptions {
  readonly cwd?: string;
  /** Added to the process's environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Called with each line that it prints, on either stream. */
  readonly onLine?: (line: string) => void;
  /** Written to its standard input, which is empty otherwise. */
  readonly input?: string;
  /** Ends it with SIGTERM after this time. Default: never. */
  readonly timeoutSeconds?: number;
}

const running = new Set<ChildProcess>();
/** How what runs elsewhere is told to end: no signal of this machine's terminal reaches it. */
const elsewhere = new Set<() => void>();
let told = false;

/** Whether this process was told to end and lets its programs come to theirs. */
export function wasInterrupted(): boolean {
  return told;
}

/**
 * Waits for what runs elsewhere, in a container. Where this process is told to end in the meantime, `end` passes it on, once.
 *
 * @throws UserError once this process was told to end
 */
export async function whileElsewhere<T>(work: () => Promise<T>, end: () => void): Promise<T> {
  if (told) throw new UserError("Interrupted.");
  elsewhere.add(end);
  try {
    return await work();
  } finally {
    elsewhere.delete(end);
  }
}

/**
 * Runs a program to its end; what it prints is kept, not shown.
 *
 * @returns what it wrote to standard output
 * @throws CommandError with the end of its output; UserError once this process was told to end
 */
export async function runCommand(
  program: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<string> {
  if (told) throw new UserError("Interrupted.");
  const command = [program, ...args].join(" ");
  const child = spawn(program, args, {
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    env: { ...process.env, ...options.env },
    stdio: ["pipe", "pipe", "pipe"],
  });
  running.add(child);
  const timer = setTimeout(() => child.kill("SIGTERM"), (options.timeoutSeconds ?? 2_000_000) * 1000);
  const lines: { readonly text: string; readonly isOutput: boolean }[] = [];
  const keep = (isOutput: boolean) => (text: string) => {
    lines.push({ text, isOutput });
    options.onLine?.(text);
  };
  createInterface({ input: child.stdout }).on("line", keep(true));
  createInterface({ input: child.stderr }).on("line", keep(false));
  // A program that ends before it has read its input is not a fault of ours.
  child.stdin.on("error", () => undefined);
  child.stdin.end(options.input ?? "");
  try {
    await ended(child, command, () => lines.map(({ text }) => text).join("\n"));
  } finally {
    clearTimeout(timer);
    running.delete(child);
  }
  return lines.flatMap(({ text, isOutput }) => (isOutput ? [text] : [])).join("\n");
}

function ended(child: ChildProcess, command: string, output: () => string): Promise<void> {
  return new Promise((resolve, reject) => {
    child.once("error", (error) => {
      reject(new CommandError(command, `could not be started: ${error.message}`, undefined, ""));
    });
    child.once("close", (code, signal) => {
      if (code === 0) resolve();
      else
        reject(
          new CommandError(
            command,
            code === null ? `ended by ${signal ?? "a signal"}` : `exit code ${code}`,
            code ?? undefined,
            output(),
          ),
        );
    });
  });
}

/**
 * Runs a program on this terminal, for what people want to see whole.
 *
 * @returns its exit code
 */
export async function runShown(
  program: string,
  args: readonly string[],
  { cwd, env }: Pick<CommandOptions, "cwd" | "env"> = {},
): Promise<number> {
  const child = spawn(program, args, {
    ...(cwd === undefined ? {} : { cwd }),
    env: { ...process.env, ...env },
    stdio: "inherit",
  });
  running.add(child);
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => {
      running.delete(child);
      resolve(code ?? 1);
    });
  });
}

/**
 * Lets the programs that run end when this process is told to: Pulumi writes down how far it came. A terminal has told
 * them itself.
 */
export function passSignalsOn(): void {
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(signal, () => {
      if (told || running.size + elsewhere.size === 0) process.exit(130);
      told = true;
      for (const end of elsewhere) end();
      // Pulumi ends in good order on SIGINT, whatever it was that this process got.
      if (signal !== "SIGINT" || !process.stdin.isTTY) for (const child of running) child.kill("SIGINT");
    });
  }
}

/** Ends every program that still runs. For the way out after a failure beside it. */
export function endCommands(): void {
  for (const child of running) child.kill("SIGTERM");
}

/** The last lines of a text. */
export function lastLines(text: string, count: number): string {
  return text.trimEnd().split("\n").slice(-count).join("\n");
}
