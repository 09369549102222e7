import { opendir, readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";

/** An object as a list shows it. */
export interface ListedObject {
  readonly key: string;
  readonly bytes: number;
  readonly modifiedAt: Date;
}

/**
 * Objects below a folder of keys, folder by folder, as they are asked for. What comes or goes meanwhile may be in it or not.
 *
 * @param root folder of the store
 * @param folder key of a folder, such as `artifacts`
 */
export async function* walkObjects(root: string, folder: string): AsyncGenerator<ListedObject> {
  const names = await readdir(join(root, folder), { withFileTypes: true }).catch(emptyIfMissing);
  for (const entry of names.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const key = `${folder}/${entry.name}`;
    if (entry.isDirectory()) yield* walkObjects(root, key);
    else if (entry.isFile()) {
      const found = await stat(join(root, key)).catch(emptyIfMissing);
      if ("size" in found) yield { key, bytes: found.size, modifiedAt: found.mtime };
    }
  }
}

/** Removes files of a folder that nobody has touched for so long, in milliseconds; gives how many. */
export async function removeOldFiles(folder: string, olderThanMs: number): Promise<number> {
  let removed = 0;
  const files = await opendir(folder).catch(emptyIfMissing);
  for await (const file of files) {
    const path = join(folder, file.name);
    const found = await stat(path).catch(emptyIfMissing);
    if (!("size" in found) || !found.isFile() || Date.now() - found.mtimeMs < olderThanMs) continue;
    await rm(path, { force: true });
    removed += 1;
  }
  return removed;
}

function emptyIfMissing(error: unknown): never[] {
  if (error instanceof Error && "code" in error && error.code === "ENOENT") return [];
  throw error;
}
