import { globSync, readFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import { sharedBackend, stateFolder } from "./backend.ts";
import { CommandError, UserError } from "./command.ts";
import { BUSY } from "./deployment/attempt.ts";
import type { Folders } from "./folders.ts";

/** What Pulumi's file backend writes into a stack's lock. */
const lockSchema = z.object({ pid: z.int(), username: z.string(), hostname: z.string(), timestamp: z.string() });
export type Lock = z.infer<typeof lockSchema>;

/** What is to be done about the locks of a stack. */
export type LockVerdict =
  | { readonly kind: "free" }
  /** Nobody who made them is alive any more. */
  | { readonly kind: "stale" }
  | { readonly kind: "held"; readonly by: Lock };

/** What this machine knows of processes. */
export interface Machine {
  readonly hostname: string;
  /** Whether the process is alive and is Pulumi. */
  readonly isPulumi: (pid: number) => boolean;
}

/** Whether a stack is free. A lock of another machine is never taken for stale: its process cannot be seen from here. */
export function judgeLocks(locks: readonly Lock[], machine: Machine = thisMachine()): LockVerdict {
  const by = locks.find((lock) => lock.hostname !== machine.hostname || machine.isPulumi(lock.pid));
  if (by) return { kind: "held", by };
  return { kind: locks.length === 0 ? "free" : "stale" };
}

/**
 * The locks of a stack, as they lie in the backend in use. A file that is just being written counts as this moment's. Of a bucket none can be
 * read: Pulumi itself refuses there, {@link asRefusal}.
 */
export function readLocks(folders: Folders, project: string, stack: string, backend = sharedBackend()): Lock[] {
  const folder = stateFolder(folders, backend);
  if (folder === undefined) return [];
  const files = globSync(join(folder, ".pulumi/locks/organization", project, stack, "*.json"));
  return files.flatMap((file) => {
    try {
      return lockSchema.parse(JSON.parse(readFileSync(file, "utf8")));
    } catch {
      return [];
    }
  });
}

/** Pulumi would not change a stack that somebody else is at. Says nothing of the release, and is nothing that force helps against. */
export class StackLocked extends UserError {
  /** @param locks none where Pulumi does not say whose they are */
  constructor(stack: string, locks: readonly Lock[], machine: Machine = thisMachine()) {
    super(describeLocks(stack, locks, machine), BUSY);
    this.name = "StackLocked";
  }
}

function describeLocks(stack: string, locks: readonly Lock[], machine: Machine): string {
  const who = locks.map(
    ({ username, hostname: host, pid, timestamp }) => `${username}@${host}, process ${pid}, since ${timestamp}`,
  );
  const areGone = locks.length > 0 && judgeLocks(locks, machine).kind === "stale";
  return (
    `${stack} is locked, and Pulumi changes nothing of it: ${who.length === 0 ? "it does not say by whom" : who.join("; ")}. ` +
    (areGone
      ? "That process is gone from this machine. Take its lock away: "
      : "Wait until it is done, and run this again. Only if that process is gone, as where it was killed: ") +
    `eval "$(make -s env STACK=${stack})" && pulumi cancel ${stack}`
  );
}

/** Pulumi's refusal of a locked stack, with who holds it and what to do; any other fault as it is. */
export function asRefusal(stack: string, error: unknown, machine: Machine = thisMachine()): unknown {
  if (!(error instanceof CommandError) || !error.output.includes("the stack is currently locked by")) return error;
  const found = error.output.matchAll(
    /created by (?<username>.+)@(?<hostname>\S+) \(pid (?<pid>\d+)\) at (?<timestamp>\S+)/g,
  );
  const locks = [...found].map(({ groups }) => lockSchema.parse({ ...groups, pid: Number(groups?.["pid"]) }));
  return new StackLocked(stack, locks, machine);
}

/** This machine, as the kernel tells of it. */
export function thisMachine(processes = "/proc"): Machine {
  return {
    hostname: hostname(),
    isPulumi: (pid) => {
      try {
        return readFileSync(join(processes, String(pid), "comm"), "utf8").trim() === "pulumi";
      } catch {
        return false;
      }
    },
  };
}
