import { globSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { parseJson } from "../configs/json.ts";
import { sharedBackend, stateFolder } from "./backend.ts";
import type { Folders } from "./folders.ts";

/**
 * Takes away what a killed Pulumi left cut off beside its files. Its file backend replaces a state as a whole, but writes the content type and the checksum of
 * it in place, into a file of the same name and `.attrs` (gocloud.dev/blob/fileblob). Where that one is cut, nothing of the stack is read any more
 * ("failed to load checkpoint: EOF"), though its state is whole; where there is none, all is well. Who is just writing one goes on without.
 */
export function dropCutAttributes(folders: Folders, project: string, backend = sharedBackend()): void {
  const folder = stateFolder(folders, backend);
  if (folder === undefined) return;
  const kinds = ["meta.yaml", `stacks/${project}/*`, `locks/organization/${project}/*/*`];
  const names = globSync(
    kinds.map((name) => `.pulumi/${name}.attrs`),
    { cwd: folder },
  );
  for (const path of names.map((name) => join(folder, name))) if (isCut(path)) rmSync(path, { force: true });
}

/** What cannot be read may be somebody else's, and is left. */
function isCut(path: string): boolean {
  try {
    return parseJson(readFileSync(path, "utf8")) === undefined;
  } catch {
    return false;
  }
}
