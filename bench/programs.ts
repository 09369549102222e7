import { join } from "node:path";
import { freePort, until } from "../test/servers/programs.ts";
import { startRunning, type Running } from "./child.ts";
import type { Ours } from "./ours.ts";

/** A program of ours that is ready. */
export interface ReadyProgram extends Running {
  readonly port: number;
}

/** How our programs run in production, but for limits that the load of one client would meet. */
export const PRODUCTION = {
  APP_ENV: "prod",
  RATE_LIMIT_PER_SECOND: "1000000",
  RATE_LIMIT_BURST: "1000000",
  QUEUE_MAX_PENDING: "100000000",
  TENANT_MAX_PENDING: "100000000",
};

/** What was set for our programs, for the report. */
export const PROGRAM_SETTINGS = `${Object.entries(PRODUCTION)
  .map(([name, value]) => `${name}=${value}`)
  .join(" ")}, others by default, log level info into a file`;

/** Starts a program by this Node and waits until its readiness route says 200. */
export async function startReady(
  ours: Ours,
  name: string,
  program: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<ReadyProgram> {
  return startProgramReady(ours, name, () => [process.execPath, ...program], env);
}

/** Starts any program and waits until `/health/ready` says 200. @param command gets the port that it has to listen on */
export async function startProgramReady(
  ours: Ours,
  name: string,
  command: (port: string) => readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<ReadyProgram> {
  const port = await freePort();
  const settings = { ...ours.stack.env, ...PRODUCTION, PORT: String(port), ...env };
  const output = join(ours.folder, `${name}.log`);
  const running = startRunning(command(String(port)), settings, output);
  try {
    await until(`${name} is ready (its log: ${output})`, () => isReady(port), 60_000);
  } catch (error) {
    await running.stop("SIGKILL");
    throw error;
  }
  return { ...running, port };
}

async function isReady(port: number): Promise<boolean> {
  try {
    const response = await fetch(`http://127.0.0.1:${port}/health/ready`);
    await response.arrayBuffer();
    return response.ok;
  } catch {
    return false;
  }
}
