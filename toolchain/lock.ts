import { globSync, readFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { z } from "zod";
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

/** The locks of a stack, as they lie in the state folder. A file that is just being written counts as this moment's. */
export function readLocks({ state }: Folders, project: string, stack: string): Lock[] {
  const files = globSync(join(state, ".pulumi/locks/organization", project, stack, "*.json"));
  return files.flatMap((file) => {
    try {
      return lockSchema.parse(JSON.parse(readFileSync(file, "utf8")));
    } catch {
      return [];
    }
  });
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
