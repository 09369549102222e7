import { createHash } from "node:crypto";
import {
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
} from "node:fs";
import { basename, join } from "node:path";

/** How many versions of one thing are kept: this checkout's and one of another branch. */
const KEEP = 2;

/**
 * Key of what is made from files: equal content gives an equal key.
 *
 * @param files  paths; their base names and bytes count, their folders do not
 * @param more   whatever else the result depends on, such as the compiler's version
 * @returns 16 hexadecimal digits
 */
export function contentKey(files: readonly string[], more: readonly string[] = []): string {
  const hash = createHash("sha256");
  for (const file of [...files].sort((a, b) => (basename(a) < basename(b) ? -1 : 1))) {
    hash.update(`${basename(file)}\0`).update(createHash("sha256").update(readFileSync(file)).digest());
  }
  return hash.update(more.join("\0")).digest("hex").slice(0, 16);
}

/** One thing of the cache folder, by name and key. */
export interface Cached {
  readonly cache: string;
  readonly name: string;
  readonly key: string;
}

/** Folder in which a thing stands once it is complete. */
export function cachedFolder({ cache, name, key }: Cached): string {
  return join(cache, `${name}-${key}`);
}

/** Whether the thing is there: a folder with its final name is complete. */
export function isCached(cached: Cached): boolean {
  return existsSync(cachedFolder(cached));
}

/**
 * Makes a thing that is not there yet, in a folder beside it that gets its final name at the end: a killed run leaves
 * nothing that looks complete. Older versions go.
 *
 * @param make fills the folder that it is given
 * @returns the thing's folder
 */
export async function fillCache(cached: Cached, make: (folder: string) => Promise<void>): Promise<string> {
  const folder = cachedFolder(cached);
  if (existsSync(folder)) {
    utimesSync(folder, new Date(), new Date());
    return folder;
  }
  mkdirSync(cached.cache, { recursive: true });
  const draft = mkdtempSync(join(cached.cache, `.draft-${cached.name}-`));
  try {
    await make(draft);
    put(draft, folder);
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
  prune(cached);
  return folder;
}

function put(draft: string, folder: string): void {
  try {
    renameSync(draft, folder);
  } catch (error) {
    // Another run was faster: its result is as good.
    if (!existsSync(folder)) throw error;
  }
}

/** Removes what newer versions have replaced, and the drafts of runs that were killed more than a day ago. */
function prune({ cache, name }: Cached): void {
  const age = (path: string) => Date.now() - statSync(path).mtimeMs;
  const versions = globSync(join(cache, `${name}-${"[0-9a-f]".repeat(16)}`)).sort((a, b) => age(a) - age(b));
  const drafts = globSync(join(cache, `.draft-${name}-*`)).filter((path) => age(path) > 24 * 3600 * 1000);
  for (const path of [...versions.slice(KEEP), ...drafts]) rmSync(path, { recursive: true, force: true });
}
