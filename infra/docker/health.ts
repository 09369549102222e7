import { setTimeout as sleep } from "node:timers/promises";
import type { ContainerState, Engine } from "./engine.ts";

/** A container that did not become healthy, with the reason and the end of its log. */
export class UnhealthyError extends Error {
  constructor(state: ContainerState, seconds: number, log: string) {
    super(
      `${state.name} ${reason(state, seconds)}.` +
        (state.lastCheck === "" ? "" : `\nIts last health check said: ${state.lastCheck}`) +
        `\nThe end of its log:\n${indentLog(log)}`,
    );
    this.name = "UnhealthyError";
  }
}

/** Restarts that say that a container will not come up by itself: it failed, was started again, and failed again. */
const RESTARTS_THAT_SAY_ENOUGH = 3;
const POLL_MILLISECONDS = 500;

/**
 * Waits until every container is healthy.
 *
 * @param timeoutSeconds how long all of them together may take
 * @throws UnhealthyError for the first that is unhealthy, restarts again and again, exited, or is late
 */
export async function waitHealthy(engine: Engine, ids: readonly string[], timeoutSeconds: number): Promise<void> {
  const deadline = Date.now() + timeoutSeconds * 1000;
  await Promise.all(ids.map((id) => waitOne(engine, id, deadline, timeoutSeconds)));
}

async function waitOne(engine: Engine, id: string, deadline: number, timeoutSeconds: number): Promise<void> {
  for (;;) {
    const state = await engine.inspect(id);
    if (state.running && state.health === "healthy") return;
    if (isHopeless(state) || Date.now() >= deadline) {
      throw new UnhealthyError(state, timeoutSeconds, await engine.logs(id, 30));
    }
    await sleep(POLL_MILLISECONDS);
  }
}

/** Whether waiting on would change nothing. */
export function isHopeless(state: ContainerState): boolean {
  if (state.restarts >= RESTARTS_THAT_SAY_ENOUGH) return true;
  return state.health === "unhealthy" || (state.running && state.health === "none");
}

function reason(state: ContainerState, seconds: number): string {
  if (state.restarts >= RESTARTS_THAT_SAY_ENOUGH) {
    return `exits with code ${state.exitCode} at every start (started again ${state.restarts} times)`;
  }
  if (!state.running) return `is not running: it exited with code ${state.exitCode}`;
  if (state.health === "none") return "has no health check";
  if (state.health === "unhealthy") return "runs but its health check fails";
  return `was not healthy after ${seconds} seconds`;
}

/** Characters of a log line that an error shows. */
const LINE_LENGTH = 300;

/** A log as an error shows it: indented, and no line longer than a few of a terminal's. */
export function indentLog(text: string): string {
  if (text.trim() === "") return "  (it printed nothing)";
  const lines = text.trimEnd().split("\n");
  return lines.map((line) => `  ${line.length > LINE_LENGTH ? `${line.slice(0, LINE_LENGTH)}...` : line}`).join("\n");
}
