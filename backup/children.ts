import { spawn, type ChildProcess } from "node:child_process";
import { createInterface } from "node:readline";

/** How long a program has to end after SIGTERM, in milliseconds. */
const END_MS = 10_000;

/** What a program is started with. */
export interface ChildOptions {
  /** Fires when the program has to end. */
  readonly signal: AbortSignal;
  /** Told each line of its output, either stream. */
  readonly onLine?: (line: string) => void;
  /** Written to its standard input. */
  readonly input?: string;
  /** Sent to it when this process dies, however it dies. @default SIGTERM */
  readonly deathSignal?: "TERM" | "INT" | "QUIT" | "KILL";
}

/** How a program ended. */
export interface Ended {
  /** `undefined` after a signal. */
  readonly code: number | undefined;
  readonly output: string;
  /** The last lines of standard error and output, for messages. */
  readonly errors: string;
}

/** Starts a program that does not outlive this process, not even one that is killed with -9. */
export function startChild(program: string, args: readonly string[], options: ChildOptions): ChildProcess {
  const death = options.deathSignal ?? "TERM";
  options.signal.throwIfAborted();
  return spawn("setpriv", [`--pdeathsig=${death}`, "--", program, ...args], {
    cwd: "/",
    // Nothing of ours in its environment: pgBackRest reads PGBACKREST_*, libpq PG*, and secrets are in files.
    env: { PATH: process.env["PATH"] ?? "/usr/bin:/bin", LC_ALL: "C.UTF-8", TZ: "UTC" },
    stdio: ["pipe", "pipe", "pipe"],
  });
}

/**
 * Runs a program to its end.
 *
 * @throws Error where it could not be started; the signal's reason where that fired
 */
export async function runChild(program: string, args: readonly string[], options: ChildOptions): Promise<Ended> {
  const child = startChild(program, args, options);
  const output: string[] = [];
  const last: string[] = [];
  const keep = (isOutput: boolean) => (line: string) => {
    if (isOutput) output.push(line);
    last.push(line);
    if (last.length > 40) last.shift();
    options.onLine?.(line);
  };
  for (const [stream, isOutput] of [[child.stdout, true] as const, [child.stderr, false] as const])
    if (stream) createInterface({ input: stream }).on("line", keep(isOutput));
  child.stdin?.on("error", () => undefined);
  child.stdin?.end(options.input ?? "");
  const code = await endOf(child, options.signal);
  return { code, output: output.join("\n"), errors: last.join("\n") };
}

/** Waits for the end of a program; once the signal fires it is told to end, and is killed where it does not. */
export async function endOf(child: ChildProcess, signal: AbortSignal): Promise<number | undefined> {
  let killer: NodeJS.Timeout | undefined;
  const stop = () => {
    child.kill("SIGTERM");
    killer = setTimeout(() => child.kill("SIGKILL"), END_MS);
  };
  signal.addEventListener("abort", stop, { once: true });
  try {
    const code = await new Promise<number | undefined>((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (status) => {
        resolve(status ?? undefined);
      });
    });
    signal.throwIfAborted();
    return code;
  } finally {
    clearTimeout(killer);
    signal.removeEventListener("abort", stop);
  }
}
