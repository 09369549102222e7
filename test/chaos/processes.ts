import { existsSync, readdirSync, readFileSync } from "node:fs";

/** Pids of the processes that a process has started. */
export function childrenOf(pid: number): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((each) => parentOf(each) === pid);
}

function parentOf(pid: number): number {
  try {
    // The name in brackets may hold spaces: what follows it is read.
    const [, , parent] = readFileSync(`/proc/${pid}/stat`, "utf8").replace(/^.*\)/s, ")").split(" ");
    return Number(parent);
  } catch {
    return 0; // It ended meanwhile.
  }
}

export function isAlive(pid: number): boolean {
  return existsSync(`/proc/${pid}`);
}

/** Sends a signal; gives whether there was a process. */
export function signal(pid: number, name: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, name);
  } catch {
    return false;
  }
}
