import { randomInt } from "node:crypto";
import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { existsSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";

/** Debian's packages that the tests need, by program. */
const PACKAGES = {
  postgres: "postgresql-15",
  initdb: "postgresql-15",
  "redis-server": "redis-server",
  "espeak-ng": "espeak-ng",
  setpriv: "util-linux",
} as const;

const FOLDERS = ["/usr/lib/postgresql/15/bin", "/usr/lib/postgresql/16/bin", "/usr/lib/postgresql/17/bin"];

/**
 * Path of a program.
 *
 * @throws Error naming the package to install
 */
export function findProgram(name: keyof typeof PACKAGES): string {
  const folders = [...FOLDERS, ...(process.env["PATH"] ?? "").split(":")];
  const found = folders.map((folder) => join(folder, name)).find((path) => existsSync(path));
  if (found === undefined) {
    const all = [...new Set(Object.values(PACKAGES))].join(" ");
    throw new Error(`the tests need ${name} of the Debian package ${PACKAGES[name]}: apt-get install --yes ${all}`);
  }
  return found;
}

/** Arguments that run a program as nobody where we are root: Postgres refuses root. */
export function asNobody(): string[] {
  return process.getuid?.() === 0
    ? [findProgram("setpriv"), "--reuid=65534", "--regid=65534", "--clear-groups", "--"]
    : [];
}

/** Runs a program to its end. */
export function runProgram(command: readonly string[]): void {
  const [program = "", ...args] = command;
  const done = spawnSync(program, args, { encoding: "utf8", cwd: "/tmp" });
  if (done.status !== 0)
    throw new Error(`${command.join(" ")} ended with ${done.status ?? "a signal"}: ${done.stderr}`);
}

/** Below those that the kernel gives to whoever asks for any: one that is drawn now is used in minutes, and others ask meanwhile. */
const PORTS = [15_000, 30_000] as const;

/** A port of 127.0.0.1 that is free at this moment. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(...PORTS);
    if (await isFree(port)) return port;
  }
}

function isFree(port: number): Promise<boolean> {
  const server = createServer();
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EADDRINUSE") resolve(false);
      else reject(error);
    });
    server.listen(port, "127.0.0.1", () => {
      server.close(() => {
        resolve(true);
      });
    });
  });
}

/** A server that runs beside the tests. */
export interface RunningProgram {
  readonly pid: number;
  /** Exit status once it has ended; `undefined` after a signal. */
  readonly ended: Promise<number | undefined>;
  /** Everything it printed so far. */
  output(): string;
  /** Sends a signal and waits for its end; gives the exit status, or `undefined` after a signal. */
  stop(signal: NodeJS.Signals): Promise<number | undefined>;
}

/** Starts a program and keeps what it prints. */
export function startProgram(
  command: readonly string[],
  options: { env?: NodeJS.ProcessEnv; cwd?: string } = {},
): RunningProgram {
  const [program = "", ...args] = command;
  const child: ChildProcess = spawn(program, args, { cwd: "/tmp", ...options, stdio: ["ignore", "pipe", "pipe"] });
  let printed = "";
  child.stdout?.on("data", (chunk: Buffer) => (printed += chunk.toString()));
  child.stderr?.on("data", (chunk: Buffer) => (printed += chunk.toString()));
  const ended = new Promise<number | undefined>((resolve) => {
    child.once("close", (code) => {
      resolve(code ?? undefined);
    });
  });
  if (child.pid === undefined) throw new Error(`${program} did not start`);
  return {
    pid: child.pid,
    ended,
    output: () => printed,
    stop: async (signal) => {
      child.kill(signal);
      return ended;
    },
  };
}

/** Waits until a condition holds, looking every 20 ms. */
export async function until(what: string, condition: () => boolean | Promise<boolean>, forMs = 20_000): Promise<void> {
  const deadline = performance.now() + forMs;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`waited ${forMs} ms in vain until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
