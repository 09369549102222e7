import type { ObjectStore } from "../jobs/object-store.ts";
import { contentKey, contentsOf } from "./artifact-contents.ts";
import { LATEST_MANIFEST, readManifest } from "./artifact-manifest.ts";
import { BackupFault } from "./faults.ts";
import type { BackupKeys } from "./keys.ts";
import { listSets, removeSet, setKey } from "./sets.ts";

/** What was removed. */
export interface Removed {
  readonly sets: readonly string[];
  readonly contents: number;
  readonly bytes: number;
}

/** Files of puts whose process died are younger than this only while they may still be written, in milliseconds: an hour. */
const UNFINISHED_MS = 60 * 60 * 1000;

/**
 * Removes the sets of a repository that are no longer kept, and contents that no kept set and not the mirror names. Must not run beside a
 * backup. Where one manifest cannot be read no content goes: nobody knows what it names.
 *
 * @param kept labels of the backups that pgBackRest still has
 */
export async function keepSets(store: ObjectStore, keys: BackupKeys, kept: readonly string[]): Promise<Removed> {
  const gone = (await listSets(store)).map(({ label }) => label).filter((label) => !kept.includes(label));
  for (const label of gone) await removeSet(store, label);
  await store.removeUnfinished(UNFINISHED_MS);
  const named = await namedContents(store, keys, kept);
  let [contents, bytes] = [0, 0];
  if (!named) return { sets: gone, contents, bytes };
  for (const [key, length] of await contentsOf(store)) {
    if (named.has(key)) continue;
    await store.remove(key);
    contents += 1;
    bytes += length;
  }
  return { sets: gone, contents, bytes };
}

async function namedContents(
  store: ObjectStore,
  keys: BackupKeys,
  kept: readonly string[],
): Promise<Set<string> | undefined> {
  const named = new Set<string>();
  // Of one that was begun and never finished the contents are not kept.
  const sets = (await listSets(store)).filter(({ label, isFinished }) => isFinished && kept.includes(label));
  for (const manifest of [...sets.map(({ label }) => setKey(label, "artifacts")), LATEST_MANIFEST]) {
    try {
      for (const { sha256 } of await readManifest(store, keys, manifest)) named.add(contentKey(keys, sha256));
    } catch (error) {
      if (!(error instanceof BackupFault)) throw error;
      // The mirror may not have run yet.
      if (error.kind !== "missing" || manifest !== LATEST_MANIFEST) return undefined;
    }
  }
  return named;
}
