import { existsSync } from "node:fs";
import { runCommand, UserError } from "./command.ts";
import type { Report } from "./steps.ts";

/** Whether this process may install packages and start daemons. */
export function isRoot(): boolean {
  return process.getuid?.() === 0;
}

/**
 * Installs Debian packages. A package manager that was interrupted is mended first, one that is busy is waited for.
 *
 * @param startsDaemons whether the packages' own daemons may be started; default true
 * @throws UserError without root or without apt-get, naming the packages
 */
export async function installPackages(
  packages: readonly string[],
  report: Report,
  { startsDaemons = true } = {},
): Promise<void> {
  const names = packages.join(" ");
  if (!existsSync("/usr/bin/apt-get")) {
    throw new UserError(
      `${names} must be installed, and this is no Debian: there is no apt-get. Install them by your system's own means.`,
    );
  }
  if (!isRoot())
    throw new UserError(
      `${names} must be installed. Run:\n  sudo apt-get update && sudo apt-get install --yes ${names}`,
    );
  const options = {
    // Debian's scripts start no daemon in the single-user run level.
    env: { DEBIAN_FRONTEND: "noninteractive", LC_ALL: "C.UTF-8", ...(startsDaemons ? {} : { RUNLEVEL: "1" }) },
    onLine: (line: string) => {
      if (/^(Get|Unpacking|Setting up)/.test(line)) report(line.slice(0, 60));
    },
  };
  const wait = ["-o", "DPkg::Lock::Timeout=300"];
  await runCommand("dpkg", ["--configure", "-a"], options);
  await runCommand("apt-get", ["update", ...wait], options);
  await runCommand("apt-get", ["install", "--yes", "--no-install-recommends", ...wait, ...packages], options);
}
