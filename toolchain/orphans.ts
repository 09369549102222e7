import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { basename, join } from "node:path";

/**
 * Plugins of ours whose engine was killed: they notice it late or never, and each holds 100 MB.
 *
 * @param folders   where our plugins lie; others are not looked at
 * @param processes where the kernel tells of processes; default: `/proc`
 * @returns their process ids
 */
export function findOrphans(folders: readonly string[], processes = "/proc"): number[] {
  return readdirSync(processes)
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        const program = readlinkSync(join(processes, String(pid), "exe"));
        if (
          !basename(program).startsWith("pulumi-resource-") ||
          !folders.some((folder) => program.startsWith(join(folder, "/")))
        )
          return false;
        return readFileSync(join(processes, parentOf(pid, processes), "comm"), "utf8").trim() !== "pulumi";
      } catch {
        // It ended meanwhile, or is another user's.
        return false;
      }
    });
}

/** @see proc_pid_stat(5): the fields after the name, which is in brackets and may hold anything */
function parentOf(pid: number, processes: string): string {
  const stat = readFileSync(join(processes, String(pid), "stat"), "utf8");
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1] ?? "1";
}

/** Ends them. */
export function endOrphans(folders: readonly string[]): void {
  for (const pid of findOrphans(folders)) {
    try {
      process.kill(pid, "SIGTERM");
    } catch {
      // It was faster.
    }
  }
}
