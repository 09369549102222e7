import { createHash } from "node:crypto";
import type { ObjectStore } from "../jobs/object-store.ts";
import type { NamedContent } from "./artifact-manifest.ts";
import { BackupFault } from "./faults.ts";
import { macOf, type BackupKeys } from "./keys.ts";
import { openFile, putSealed, readSealed } from "./repository-files.ts";

/** Folder of a repository that contents are in. */
const CONTENTS = "artifacts";

/** Key of a content: the same content is stored once, and its name tells nothing of it to who has no key. */
export function contentKey(keys: BackupKeys, sha256: string): string {
  const name = macOf(keys.names, sha256);
  return `${CONTENTS}/${name.slice(0, 2)}/${name}.enc`;
}

/** Every content of a repository with the length of its file. */
export async function contentsOf(store: ObjectStore): Promise<Map<string, number>> {
  const found = new Map<string, number>();
  for await (const { key, bytes } of store.list(CONTENTS)) found.set(key, bytes);
  return found;
}

/**
 * Brings a content from the object store into a repository.
 *
 * @returns false where the artifact is gone, or another one by now
 */
export async function putContent(
  source: ObjectStore,
  store: ObjectStore,
  keys: BackupKeys,
  artifact: NamedContent,
): Promise<boolean> {
  const seen = { isGone: false };
  const gone = () => {
    seen.isGone = true;
    return new Error(`${artifact.key}: is gone, or another one by now`);
  };
  async function* content() {
    const found = await source.read(artifact.key);
    if (!found) throw gone();
    // Another content under this name would never be looked at again.
    yield* checked(found.stream, artifact, gone);
  }
  try {
    await putSealed(store, keys, contentKey(keys, artifact.sha256), content());
    return true;
  } catch (error) {
    if (seen.isGone) return false;
    throw error;
  }
}

/**
 * Opens a content. That it is whole is known when it has ended.
 *
 * @param onFault told where it is not, before that is thrown
 * @throws BackupFault
 */
export async function* openContent(
  store: ObjectStore,
  keys: BackupKeys,
  artifact: NamedContent,
  onFault: () => void = () => undefined,
): AsyncGenerator<Uint8Array> {
  const name = contentKey(keys, artifact.sha256);
  const wrong = () => new BackupFault("damaged", name, "it holds another content than its name says");
  try {
    yield* checked(readSealed(store, keys, name), artifact, wrong);
  } catch (error) {
    onFault();
    throw error;
  }
}

/** Copies a content as it is, closed, from one repository into another. */
export async function copyFile(from: ObjectStore, to: ObjectStore, key: string): Promise<void> {
  await to.put(key, await openFile(from, key));
}

async function* checked(
  parts: AsyncIterable<Uint8Array>,
  artifact: NamedContent,
  wrong: () => Error,
): AsyncGenerator<Uint8Array> {
  const hash = createHash("sha256");
  let bytes = 0;
  for await (const part of parts) {
    hash.update(part);
    bytes += part.byteLength;
    yield part;
  }
  if (bytes !== artifact.bytes || hash.digest("hex") !== artifact.sha256) throw wrong();
}
