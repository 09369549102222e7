import { randomUUID } from "node:crypto";
import { hostname, userInfo } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { messageOf } from "../../configs/message.ts";
import { UserError, wasInterrupted } from "../command.ts";
import type { Folders } from "../folders.ts";
import type { Report, Steps } from "../steps.ts";
import { DeployLock, describeHolder, type Holder } from "./deploy-lock.ts";
import { DeploymentsLog, lastNumber, type DeploymentLine, type DeploymentRecord } from "./deployments-log.ts";
import { learn } from "./learned.ts";
import type { History } from "./operate.ts";

/** Exit code where another deploy runs (EX_TEMPFAIL of sysexits.h). */
export const BUSY = 75;

export interface AttemptArgs {
  readonly stack: string;
  readonly folders: Folders;
  readonly steps: Steps;
  /** As it was typed. */
  readonly command: string;
  /** Of the checkout; what the stack's file names may turn out to be another one. */
  readonly version: string;
  /** What to do while another one deploys. */
  readonly whenHeld: "wait" | "refuse";
  /** What others deployed as well, for the log of this machine: numbers go on behind theirs. It never fails. */
  readonly history: () => Promise<History>;
}

/** A deployment under way: what becomes known of it is written down at once. */
export interface Attempt {
  readonly number: number;
  readonly log: DeploymentsLog;
  readonly note: (line: Omit<DeploymentLine, "number">) => void;
  /** A step with its line on the screen; the log says that it was begun. */
  readonly step: <T>(
    title: string,
    work: (report: Report) => Promise<T>,
    note?: (result: T) => string | undefined,
  ) => Promise<T>;
}

/**
 * Deploys, alone and on record: nobody else does at the same time, and the log knows of it whatever becomes of this process.
 *
 * @throws UserError with {@link BUSY} where another one deploys and nobody wants to wait; whatever the work throws
 */
export async function attempt<T>(args: AttemptArgs, work: (attempt: Attempt) => Promise<T>): Promise<T> {
  const { stack, folders, command } = args;
  const release = await takeLock(args);
  try {
    const log = new DeploymentsLog(stack, folders);
    learn(log, (await args.history()).records);
    const number = lastNumber(log.read()) + 1;
    closeBroken(log, number, args.steps);
    const note = (line: Omit<DeploymentLine, "number">) => {
      log.add({ number, ...line });
    };
    const by = `${userInfo().username}@${hostname()}`;
    note({ id: randomUUID(), command, by, version: args.version, startedAt: now() });
    return await toItsEnd(note, () => work(attemptOf(log, number, note, args.steps)));
  } finally {
    release();
  }
}

function attemptOf(log: DeploymentsLog, number: number, note: Attempt["note"], steps: Steps): Attempt {
  return {
    ...{ number, log, note },
    step: (title, work, said) => {
      note({ step: title });
      return steps.run(title, work, said);
    },
  };
}

async function toItsEnd<T>(note: Attempt["note"], work: () => Promise<T>): Promise<T> {
  try {
    const result = await work();
    note({ outcome: "succeeded", endedAt: now() });
    return result;
  } catch (error) {
    const outcome = wasInterrupted() ? "interrupted" : "failed";
    note({ outcome, reason: reasonOf(error), endedAt: now() });
    throw error;
  }
}

/** Characters of a reason that are kept, at its beginning and its end: between them is some log. */
const REASON_LENGTH = { head: 1500, tail: 500 };

function reasonOf(error: unknown): string {
  const text = messageOf(error);
  const { head, tail } = REASON_LENGTH;
  return text.length <= head + tail ? text : `${text.slice(0, head)}\n...\n${text.slice(-tail)}`;
}

/** Those whose process was gone before it could say how they ended. */
function closeBroken(log: DeploymentsLog, next: number, steps: Steps): void {
  for (const { number, command, step = "its beginning" } of broken(log.read())) {
    const reason = `its process was gone at the step ${JSON.stringify(step)}; deployment ${next} goes on from there`;
    log.add({ number, outcome: "interrupted", reason, endedAt: now() });
    steps.say(
      `  Deployment ${number} (${command}) was broken off at ${JSON.stringify(step)}; this one goes on from there.`,
    );
  }
}

/** Deployments that nobody has said the end of. */
export function broken(records: readonly DeploymentRecord[]): readonly DeploymentRecord[] {
  return records.filter(({ outcome }) => outcome === undefined);
}

async function takeLock({ stack, folders, steps, command, whenHeld }: AttemptArgs): Promise<() => void> {
  const lock = new DeployLock(stack, folders);
  const taken = lock.ask(command);
  if (taken.kind === "taken") return taken.release;
  const refusal = (by: Holder) => new UserError(describeHolder(stack, by, lock.path), BUSY);
  if (whenHeld === "refuse") throw refusal(taken.by);
  return steps.run("Another deploy", async (report) => {
    for (;;) {
      const asked = lock.ask(command);
      if (asked.kind === "taken") return asked.release;
      const { by } = asked;
      if (wasInterrupted()) throw refusal(by);
      report(`waiting for ${by.command} of ${by.username}@${by.hostname}, process ${by.pid}, begun ${by.timestamp}`);
      await sleep(1000);
    }
  });
}

function now(): string {
  return new Date().toISOString();
}
