import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { endOf, startChild } from "./children.ts";

/** Another process holds the lock. */
export class Busy extends Error {
  override readonly name = "Busy";
}

/** A lock that is held. */
export interface Held {
  release(): Promise<void>;
}

const CONFLICT = 75;

/**
 * Takes a lock on a file, which the kernel gives back however this process ends; it holds between containers that share the folder.
 *
 * @param what that runs under it, for the message
 * @throws Busy where another process has it
 */
export async function takeLock(path: string, what: string): Promise<Held> {
  mkdirSync(dirname(path), { recursive: true, mode: 0o750 });
  const given = new AbortController();
  const script = "echo held; exec cat >/dev/null";
  const args = ["--nonblock", `--conflict-exit-code=${CONFLICT}`, path, "sh", "-c", script];
  const child = startChild("flock", args, { signal: given.signal, deathSignal: "KILL" });
  const ended = endOf(child, given.signal);
  const errors: string[] = [];
  child.stderr?.on("data", (chunk: Buffer) => errors.push(chunk.toString()));
  const held = new Promise<"held">((resolve) =>
    child.stdout?.once("data", () => {
      resolve("held");
    }),
  );
  const first = await Promise.race([held, ended]);
  if (first === CONFLICT) throw new Busy(`${what}: another one is running (it holds ${path}); wait until it has ended`);
  if (first !== "held")
    throw new Error(
      `${path}: could not be locked: ${errors.join("").trim()}; the folder must exist and be ours to write`,
    );
  return {
    release: async () => {
      child.stdin?.end();
      await ended;
    },
  };
}
