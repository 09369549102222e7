import { setTimeout as sleep } from "node:timers/promises";
import { EXIT, type BackupRecord } from "../backup/protocol.ts";
import { UserError, wasInterrupted } from "../toolchain/command.ts";
import type { Underway } from "../toolchain/deployment/underway.ts";
import type { Steps } from "../toolchain/steps.ts";
import { backupSchema } from "./agent-messages.ts";
import { askAgent } from "./asking.ts";
import type { Answer } from "./reading.ts";
import type { Platform } from "./run-ops.ts";
import { StackFile } from "./stack-file.ts";

export interface SnapshotArgs {
  readonly stack: string;
  readonly platform: Platform;
  readonly steps: Steps;
  readonly hasBackup: boolean;
  readonly isForced: boolean;
}

/** What there is in the place of a backup, where none is made: said, so that nobody believes in one. */
function without({ stack, platform, hasBackup }: SnapshotArgs, { looked }: Underway): string | undefined {
  if (!hasBackup) return "none, as --no-backup says";
  if (platform === "aws") return "none of ours: RDS keeps every moment of the last days";
  if (!new StackFile(stack).hasBackups) return "none: this stack makes no backups";
  return looked.kind === "nothing runs" ? "none: nothing runs yet" : undefined;
}

/**
 * A backup by the stack's agent before anything changes.
 *
 * @throws UserError where it fails, unless it is to be passed over
 */
export async function takeSnapshot(args: SnapshotArgs, deploy: Underway): Promise<void> {
  const { entry } = deploy;
  const none = without(args, deploy);
  if (none !== undefined) {
    await entry.step(
      "Snapshot",
      () => Promise.resolve(none),
      (said) => said,
    );
    return;
  }
  entry.note({ step: "Snapshot" });
  try {
    const { code, result } = await backup(args);
    entry.note({ backup: result.label });
    const flaw = code === EXIT.notGood ? "; it does not count as good: ./slipway backups says why" : "";
    args.steps.say(`  Snapshot ${result.label}${flaw}`);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    if (!args.isForced)
      throw new UserError(
        `${error.message}\nNo backup was made, and nothing was changed. Without one: --no-backup`,
        error.exitCode,
      );
    args.steps.say(`  No snapshot: ${error.message.split("\n")[0] ?? ""}`);
  }
}

/** How long another backup is waited for, such as the first, which the agent makes by itself as soon as it runs. In milliseconds. */
const PATIENCE_MS = 600_000;
const PAUSE_MS = 2000;

function backup({ stack, steps }: SnapshotArgs): Promise<Answer<BackupRecord>> {
  return onceFree(() => askAgent({ stack, steps, words: ["backup"], schema: backupSchema }), {
    say: (text) => {
      steps.say(text);
    },
    sleep,
    now: () => performance.now(),
  });
}

export interface Waiting {
  readonly say: (text: string) => void;
  readonly sleep: (ms: number) => Promise<unknown>;
  /** Milliseconds that only grow. */
  readonly now: () => number;
}

/**
 * Asks for a backup, and again while another one is being made.
 *
 * @throws what the last try threw, after {@link PATIENCE_MS} or where it is of something else
 */
export async function onceFree<T>(ask: () => Promise<T>, { say, sleep: wait, now }: Waiting): Promise<T> {
  const deadline = now() + PATIENCE_MS;
  for (let isTold = false; ; isTold = true) {
    try {
      return await ask();
    } catch (error) {
      const isBusy = error instanceof UserError && error.exitCode === EXIT.busy;
      if (!isBusy || wasInterrupted() || now() > deadline) throw error;
      if (!isTold) say("  Another backup is being made; the snapshot comes after it.");
      await wait(PAUSE_MS);
    }
  }
}
