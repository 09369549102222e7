import { spawn } from "node:child_process";
import { mkdirSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import type { Ended } from "./stack.ts";

/** What a command of `slipway` said with --json. */
export interface Spoken<T> {
  readonly code: number;
  readonly result: T;
  /** All that it printed. */
  readonly text: string;
}

/** @throws Error where its document says another exit code than it ended with */
export async function spoken<T>(running: Running): Promise<Spoken<T>> {
  const { code, stdout, output } = await running.ended;
  const { result, exitCode } = JSON.parse(stdout) as { result: T; exitCode: number };
  if (exitCode !== code) throw new Error(`it ended with ${code} and says ${exitCode}:\n${output}`);
  return { code, result, text: output };
}

/** A command under way. */
export interface Running {
  readonly ended: Promise<Ended & { readonly stdout: string }>;
  /** Waits until it has printed this, so many times. */
  printed(text: string, times?: number): Promise<void>;
  /** SIGINT to it and everything it has started, as a terminal sends it. */
  interrupt(): void;
  /** SIGKILL to it and everything it has started. */
  kill(): void;
}

/** Starts it in a group of its own, so that all of it can be interrupted, or killed. */
export function start(program: string, args: string[], cwd: string, env: NodeJS.ProcessEnv): Running {
  const child = spawn(program, args, { cwd, env, detached: true, stdio: ["ignore", "pipe", "pipe"] });
  let stdout = "";
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => {
    stdout += chunk.toString();
    output += chunk.toString();
  });
  child.stderr.on("data", (chunk: Buffer) => (output += chunk.toString()));
  let isOver = false;
  const ended = new Promise<Ended & { stdout: string }>((resolve) => {
    child.once("close", (code) => {
      isOver = true;
      resolve({ code: code ?? 137, output, stdout });
    });
  });
  return {
    ended,
    printed: async (text, times = 1) => {
      while (output.split(text).length <= times) {
        if (isOver) throw new Error(`it ended before it printed ${JSON.stringify(text)} ${times} times:\n${output}`);
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    },
    interrupt: () => {
      if (child.pid !== undefined) process.kill(-child.pid, "SIGINT");
    },
    kill: () => {
      if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
    },
  };
}

/** For a user whose state and passphrase lie in a folder of their own; what takes long to make is this machine's. */
export function homeIn(home: string): NodeJS.ProcessEnv {
  const own = (kind: string) => {
    mkdirSync(join(home, kind), { recursive: true, mode: 0o700 });
    return join(home, kind);
  };
  const cache = join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "slipway");
  return {
    ...process.env,
    XDG_STATE_HOME: own("state"),
    XDG_CONFIG_HOME: own("config"),
    SLIPWAY_CACHE: process.env["SLIPWAY_CACHE"] ?? cache,
    SLIPWAY_YES: "1",
  };
}
