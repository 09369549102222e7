import { spawn, type ChildProcess } from "node:child_process";
import { createWriteStream } from "node:fs";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";

/** A program that is told what to do, one JSON line a request, and answers each with one JSON line. */
export interface Child {
  readonly pid: number;
  /** Sends a request and waits for its answer. One at a time. */
  ask(request: Readonly<Record<string, unknown>>): Promise<Answer>;
  /** Sends a signal and waits for its end. */
  stop(signal?: NodeJS.Signals): Promise<void>;
}

/** How long an answer may take, in milliseconds: a benchmark that hangs is of no use to anybody. */
const PATIENCE_MS = 300_000;
/** How long a program may take to end, in milliseconds. */
const STOP_MS = 15_000;

/** Numbers by name: what a program measured. */
export type Answer = Readonly<Record<string, number>>;

/** A program that only runs. */
export interface Running {
  readonly pid: number;
  stop(signal?: NodeJS.Signals): Promise<void>;
}

/**
 * Starts a program that speaks JSON lines; what it says on standard error goes to a file.
 *
 * @param errors path of that file
 */
export function startChild(command: readonly string[], env: Readonly<Record<string, string>>, errors: string): Child {
  const [program = "", ...args] = command;
  const child = spawn(program, args, { env: { ...process.env, ...env }, stdio: ["pipe", "pipe", "pipe"] });
  child.stderr.pipe(createWriteStream(errors, { flags: "a" }));
  const waiting: { resolve: (answer: Answer) => void; reject: (error: Error) => void }[] = [];
  const lines = createInterface({ input: child.stdout });
  lines.on("line", (line) => {
    if (line.startsWith("{")) waiting.shift()?.resolve(parseAnswer(line));
  });
  const ended = whenEnded(child).then((how) => {
    for (const { reject } of waiting.splice(0))
      reject(new Error(`${command.join(" ")} ended with ${how}; what it said is in ${errors}`));
  });
  return {
    pid: child.pid ?? 0,
    ask: async (request) => {
      const what = `${command.join(" ")}: ${JSON.stringify(request)}`;
      const answer = new Promise<Answer>((resolve, reject) => waiting.push({ resolve, reject }));
      child.stdin.write(`${JSON.stringify(request)}\n`);
      return Promise.race([answer, tooLate(what, answer)]);
    },
    stop: async (signal = "SIGTERM") => stop(child, ended, signal),
  };
}

/** Starts a program whose output goes to a file. */
export function startRunning(
  command: readonly string[],
  env: Readonly<Record<string, string>>,
  output: string,
): Running {
  const [program = "", ...args] = command;
  const child = spawn(program, args, { env: { PATH: process.env["PATH"], ...env }, stdio: ["ignore", "pipe", "pipe"] });
  const file = createWriteStream(output, { flags: "a" });
  child.stdout.pipe(file, { end: false });
  child.stderr.pipe(file, { end: false });
  const ended = whenEnded(child);
  return {
    pid: child.pid ?? 0,
    stop: async (signal = "SIGTERM") => {
      await stop(child, ended, signal);
      file.end();
    },
  };
}

/** Throws when an answer does not come in time. */
async function tooLate(what: string, answer: Promise<unknown>): Promise<never> {
  const stop = new AbortController();
  const end = () => {
    stop.abort();
  };
  answer.then(end, end);
  await sleep(PATIENCE_MS, undefined, { signal: stop.signal });
  throw new Error(`${what} was not answered within ${PATIENCE_MS} ms`);
}

/** A program that does not end when it is told to is killed after a while. */
async function stop(child: ChildProcess, ended: Promise<unknown>, signal: NodeJS.Signals): Promise<void> {
  const timer = setTimeout(() => child.kill("SIGKILL"), STOP_MS);
  child.kill(signal);
  await ended;
  clearTimeout(timer);
}

/** Programs that run. */
const alive = new Set<ChildProcess>();

function killAll(): void {
  for (const child of alive) child.kill("SIGKILL");
}

/** Nothing outlives this process, however it ends: an interrupted benchmark leaves its part where it is. */
function endWithUs(child: ChildProcess): void {
  if (alive.size === 0) process.once("exit", killAll);
  alive.add(child);
  child.once("close", () => {
    alive.delete(child);
    if (alive.size === 0) process.off("exit", killAll);
  });
}

async function whenEnded(child: ChildProcess): Promise<string> {
  endWithUs(child);
  return new Promise((resolve) => {
    child.once("error", (error) => {
      resolve(error.message);
    });
    child.once("close", (code, signal) => {
      resolve(code === null ? `signal ${signal ?? "unknown"}` : `status ${code}`);
    });
  });
}

function parseAnswer(line: string): Answer {
  const parsed: unknown = JSON.parse(line);
  if (!(parsed instanceof Object)) throw new Error(`got ${line}, must be a JSON object`);
  return Object.fromEntries(Object.entries(parsed).map(([name, value]) => [name, Number(value)]));
}
