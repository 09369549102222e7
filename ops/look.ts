import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CommandError, runCommand, wasInterrupted } from "../toolchain/command.ts";
import { listStacks, resourceLine } from "../toolchain/stack.ts";
import type { Report } from "../toolchain/steps.ts";
import type { Run } from "./changes.ts";
import { readEvents, type EngineEvent } from "./engine-events.ts";
import { refusedEvents } from "./refusal.ts";

/** Where Pulumi runs a stack: the folder with Pulumi.yaml, and what it reads. */
export interface Ground {
  readonly stack: string;
  readonly folder: string;
  readonly env: Readonly<Record<string, string>>;
}

const ARGS = {
  preview: ["preview", "--suppress-outputs", "--suppress-permalink=true"],
  refresh: ["refresh", "--preview-only", "--suppress-outputs", "--suppress-permalink=true"],
} as const satisfies Record<Run, readonly string[]>;

/**
 * Lets Pulumi say what it would do, and does nothing.
 *
 * @param run `preview`: what an `up` would do; `refresh`: what differs from the state
 * @throws CommandError where Pulumi fails, but for a preview that mandatory policies alone refuse: its events say so
 */
export async function look(run: Run, ground: Ground, report: Report): Promise<readonly EngineEvent[]> {
  const folder = mkdtempSync(join(tmpdir(), "slipway-look-"));
  const path = join(folder, "events");
  try {
    await pulumi(ground, [...ARGS[run], "--event-log", path], (line) => {
      report(resourceLine(line));
    });
    return readEvents(path);
  } catch (error) {
    const refused = run === "preview" && error instanceof CommandError && !wasInterrupted() && refusedEvents(path);
    if (!refused) throw error;
    return refused;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Runs Pulumi on a stack; gives what it wrote to standard output. */
export async function pulumi(
  { stack, folder, env }: Ground,
  args: readonly string[],
  onLine: (line: string) => void = () => undefined,
): Promise<string> {
  return runCommand("pulumi", [...args, "--stack", stack, "--non-interactive", "--color=never"], {
    cwd: folder,
    // The log of events is an option of those who drive Pulumi, as the Automation API does.
    env: { ...env, PULUMI_DEBUG_COMMANDS: "true" },
    onLine,
  });
}

/** Whether there is a state of the stack. */
export async function isThere({ stack, folder, env }: Ground): Promise<boolean> {
  return (await listStacks(folder, env)).includes(stack);
}
