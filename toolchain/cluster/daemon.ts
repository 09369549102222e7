import { spawn, type ChildProcess } from "node:child_process";
import { existsSync, openSync, readFileSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { lastLines, UserError } from "../command.ts";

/** Seconds that a program may take to end by itself before it is killed. */
const STOP_SECONDS = 20;
/** Seconds that the kernel may take to end one that was killed. */
const KILL_SECONDS = 5;

/** A program that goes on when the command that started it has ended. */
export interface Daemon {
  readonly name: string;
  /** Path of the program. */
  readonly program: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** What it reads, by path; written right before its start. */
  readonly files?: Readonly<Record<string, string>>;
  /** What it has for /etc/resolv.conf: path of a file. Needs root. @default the machine's own */
  readonly resolver?: string;
  /** Whether it does its work. */
  readonly isReady: () => Promise<boolean>;
  /** Seconds until it must be ready. @default 60 */
  readonly readySeconds?: number;
}

/**
 * Starts a program unless it runs, and waits until it is ready.
 *
 * @param folder holds its log and process id
 * @throws UserError with the end of its log where it ends or does not become ready
 */
export async function startDaemon(folder: string, daemon: Daemon): Promise<void> {
  const { name, env, files = {}, isReady, readySeconds = 60 } = daemon;
  let ended: string | undefined;
  let started: ChildProcess | undefined;
  if (findDaemon(folder, daemon) === undefined) {
    for (const [path, text] of Object.entries(files)) writeFileSync(path, text, { mode: 0o600 });
    const output = openSync(logOf(folder, name), "a", 0o600);
    // A session of its own: it outlives make, its terminal and ^C.
    const [command = daemon.program, ...rest] = commandLine(daemon);
    const child = spawn(command, rest, {
      ...{ detached: true, cwd: "/", stdio: ["ignore", output, output] },
      env: { ...process.env, ...env },
    });
    child.once("error", (error) => (ended = error.message));
    child.once("exit", (code, signal) => (ended = `ended with ${code ?? signal ?? "nothing"}`));
    child.unref();
    started = child;
    if (child.pid !== undefined) writeFileSync(pidFileOf(folder, name), `${child.pid}\n`);
  }
  const deadline = performance.now() + readySeconds * 1000;
  while (!(await isReady().catch(() => false))) {
    if (ended !== undefined || performance.now() > deadline) {
      started?.kill("SIGKILL");
      throw failure(folder, name, ended, readySeconds);
    }
    await sleep(100);
  }
}

/** In a mount namespace of its own where it has another resolver; the process stays the same one. */
function commandLine({ program, args, resolver }: Daemon): string[] {
  if (resolver === undefined) return [program, ...args];
  const script = 'mount --bind "$0" /etc/resolv.conf && exec "$@"';
  return ["unshare", "--mount", "sh", "-c", script, resolver, program, ...args];
}

function failure(folder: string, name: string, ended: string | undefined, seconds: number): UserError {
  const log = logOf(folder, name);
  const how = ended ?? `was not ready within ${seconds} s`;
  return new UserError(`${name} ${how}. The end of its log, ${log}:\n${lastLines(readFileSync(log, "utf8"), 15)}`);
}

/** Ends a program, if it runs; gives whether it did. */
export async function stopDaemon(folder: string, daemon: Pick<Daemon, "name" | "program">): Promise<boolean> {
  const pid = findDaemon(folder, daemon);
  if (pid !== undefined) {
    signal(pid, "SIGTERM");
    const deadline = performance.now() + STOP_SECONDS * 1000;
    while (runs(pid, daemon.program) && performance.now() < deadline) await sleep(50);
    if (runs(pid, daemon.program)) signal(pid, "SIGKILL");
    while (runs(pid, daemon.program) && performance.now() < deadline + KILL_SECONDS * 1000) await sleep(50);
  }
  rmSync(pidFileOf(folder, daemon.name), { force: true });
  return pid !== undefined;
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It has ended meanwhile.
  }
}

/** Process id of a program that was started here and still runs. */
export function findDaemon(folder: string, { name, program }: Pick<Daemon, "name" | "program">): number | undefined {
  const path = pidFileOf(folder, name);
  if (!existsSync(path)) return undefined;
  const pid = Number(readFileSync(path, "utf8"));
  return runs(pid, program) ? pid : undefined;
}

/** A process id may belong to another program by now. A program that was built again is still the same one. */
function runs(pid: number, program: string): boolean {
  try {
    return basename(readlinkSync(`/proc/${pid}/exe`)).replace(/ \(deleted\)$/, "") === basename(program);
  } catch {
    return false;
  }
}

function pidFileOf(folder: string, name: string): string {
  return join(folder, `${name}.pid`);
}

function logOf(folder: string, name: string): string {
  return join(folder, `${name}.log`);
}
