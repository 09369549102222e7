import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { BACKEND } from "./env.ts";
import type { Folders } from "./folders.ts";

/** The backend that machines share, where one is in use; nothing where states lie in this user's folder. */
export function sharedBackend(environment: NodeJS.ProcessEnv = process.env): string | undefined {
  const { [BACKEND]: backend = "" } = environment;
  return backend === "" ? undefined : backend;
}

/** Where stacks are looked for, in words. Not by its address: such as `postgres://` has a password in it. */
export function whereStacksAre(backend = sharedBackend()): string {
  return backend === undefined ? "on this machine" : `in the backend that ${BACKEND} names`;
}

/** The folder that Pulumi keeps states and locks in; nothing where no file is to be had of them, as in a bucket. */
export function stateFolder(
  { root, state }: Pick<Folders, "root" | "state">,
  backend = sharedBackend(),
): string | undefined {
  const [path = ""] = (backend ?? pathToFileURL(state).href).split("?");
  if (!path.startsWith("file://")) return undefined;
  // As Pulumi reads it: `~` is the home, and what is relative begins where it runs.
  const given = decodeURIComponent(path.slice("file://".length));
  return given.startsWith("~") ? join(homedir(), given.slice(1)) : resolve(root, given);
}
