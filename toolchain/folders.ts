import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** Where things lie on this machine. All absolute. */
export interface Folders {
  /** This checkout. */
  readonly root: string;
  /** What can be made again: programs built or downloaded, the base image's archive, compile caches. */
  readonly cache: string;
  /** What cannot: Pulumi's state, the engine's log. */
  readonly state: string;
  /** What is secret: the passphrase. */
  readonly config: string;
}

/** The folder of this checkout. */
export const ROOT = join(dirname(fileURLToPath(import.meta.url)), "..");

/**
 * The folders by the XDG base directory rules. `SLIPWAY_CACHE` names another cache.
 *
 * @param environment default: the process's
 */
export function findFolders(environment: NodeJS.ProcessEnv = process.env): Folders {
  const home = environment["HOME"] ?? homedir();
  const below = (variable: string, otherwise: string) =>
    join(absolute(environment[variable]) ?? join(home, otherwise), "slipway");
  return {
    root: ROOT,
    cache: absolute(environment["SLIPWAY_CACHE"]) ?? below("XDG_CACHE_HOME", ".cache"),
    state: below("XDG_STATE_HOME", ".local/state"),
    config: below("XDG_CONFIG_HOME", ".config"),
  };
}

/** The XDG rules: a path that is not absolute counts as not set. */
function absolute(path: string | undefined): string | undefined {
  return path?.startsWith("/") === true ? path : undefined;
}
