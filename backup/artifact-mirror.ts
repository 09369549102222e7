import { createHash } from "node:crypto";
import type { ListedObject } from "../jobs/object-walk.ts";
import type { ObjectStore, StoredObject } from "../jobs/object-store.ts";
import { contentKey, contentsOf, openContent, putContent } from "./artifact-contents.ts";
import { readManifest, putManifest, type MirroredArtifact, type NamedContent } from "./artifact-manifest.ts";
import { eachOf } from "./each-of.ts";
import type { BackupKeys } from "./keys.ts";
import { sealedBytes } from "./sealing.ts";

/** Folder of the object store that holds artifacts. */
const ARTIFACTS = "artifacts";

/** Artifacts that are read at once. */
const AT_ONCE = 4;

/** How far a mirror or what reads it is, in bytes of artifacts. */
export type OnBytes = (doneBytes: number, totalBytes: number) => void;

export interface MirrorOptions {
  /** Where artifacts live. */
  readonly source: ObjectStore;
  /** The repository. */
  readonly store: ObjectStore;
  readonly keys: BackupKeys;
  /** Manifest of the last mirror: what it knows is not read again. */
  readonly known?: string | undefined;
  readonly signal: AbortSignal;
  readonly onBytes?: OnBytes;
}

/** What a mirror found and added. */
export interface Mirrored {
  readonly count: number;
  readonly bytes: number;
  readonly addedBytes: number;
  readonly manifest: StoredObject;
}

/**
 * Brings every artifact into the repository that is not there, and puts the manifest when all are. Killed in between, it leaves contents
 * that the next one finds, and no manifest.
 *
 * @param manifest key of the manifest to put
 */
export async function mirrorArtifacts(options: MirrorOptions, manifest: string): Promise<Mirrored> {
  const { source, store, keys, signal, onBytes } = options;
  const [known, contents, listed] = [
    await knownArtifacts(options),
    await contentsOf(store),
    await listArtifacts(source, signal),
  ];
  const total = listed.reduce((sum, { bytes }) => sum + bytes, 0);
  const mirrored: MirroredArtifact[] = [];
  let [addedBytes, done] = [0, 0];
  await eachOf(listed, AT_ONCE, async (object) => {
    signal.throwIfAborted();
    const last = known.get(object.key);
    const artifact = isUnchanged(object, last) ? last : await hashOf(source, object);
    done += object.bytes;
    // Swept since it was listed.
    if (!artifact) return;
    const key = contentKey(keys, artifact.sha256);
    if (contents.get(key) !== sealedBytes(artifact.bytes)) {
      if (!(await putContent(source, store, keys, artifact))) return;
      contents.set(key, sealedBytes(artifact.bytes));
      addedBytes += sealedBytes(artifact.bytes);
    }
    mirrored.push(artifact);
    onBytes?.(done, total);
  });
  const put = await putManifest(store, keys, manifest, mirrored);
  const bytes = mirrored.reduce((sum, artifact) => sum + artifact.bytes, 0);
  return { count: mirrored.length, bytes, addedBytes, manifest: put };
}

/** What came of bringing artifacts back. */
export interface RestoredArtifacts {
  readonly restored: number;
  readonly bytes: number;
  /** Keys of those that no repository has whole. */
  readonly missing: readonly string[];
}

export interface RestoreOptions {
  /** Repositories in the order in which they are asked. */
  readonly stores: readonly ObjectStore[];
  readonly keys: BackupKeys;
  /** Where artifacts live. */
  readonly target: ObjectStore;
  readonly signal: AbortSignal;
  readonly onBytes?: OnBytes;
}

/**
 * Brings back those of some artifacts that are not where they should be; nothing that is there is touched. It may be killed and run again.
 *
 * @param artifacts as a manifest names them, or rows of the database
 */
export async function restoreArtifacts(
  options: RestoreOptions,
  artifacts: readonly NamedContent[],
): Promise<RestoredArtifacts> {
  const { target, signal, onBytes } = options;
  const there = new Map((await listArtifacts(target, signal)).map(({ key, bytes }) => [key, bytes]));
  const wanted = artifacts.filter(({ key, bytes }) => there.get(key) !== bytes);
  const total = wanted.reduce((sum, { bytes }) => sum + bytes, 0);
  const missing: string[] = [];
  let [restored, done] = [0, 0];
  await eachOf(wanted, AT_ONCE, async (artifact) => {
    signal.throwIfAborted();
    if (await bringBack(artifact, options)) {
      restored += 1;
      done += artifact.bytes;
      onBytes?.(done, total);
    } else missing.push(artifact.key);
  });
  return { restored, bytes: done, missing: missing.sort() };
}

async function bringBack(artifact: NamedContent, { stores, keys, target }: RestoreOptions): Promise<boolean> {
  for (const store of stores) {
    const seen = { isWhole: true };
    const content = openContent(store, keys, artifact, () => (seen.isWhole = false));
    try {
      await target.put(artifact.key, content);
      return true;
    } catch (error) {
      // A target that takes nothing is no missing artifact.
      if (seen.isWhole) throw error;
    }
  }
  return false;
}

/**
 * The artifacts of a manifest, from the first repository that has a whole one.
 *
 * @throws BackupFault of the first repository where none has
 */
export async function findManifest(
  stores: readonly ObjectStore[],
  keys: BackupKeys,
  manifest: string,
): Promise<MirroredArtifact[]> {
  let reason: unknown = new Error("no repository");
  for (const store of stores) {
    try {
      return await readManifest(store, keys, manifest);
    } catch (error) {
      reason = error;
    }
  }
  throw reason;
}

/** One that cannot be read costs time, as every artifact is read again, and nothing else. */
async function knownArtifacts({ store, keys, known }: MirrorOptions): Promise<Map<string, MirroredArtifact>> {
  if (known === undefined) return new Map();
  const artifacts = await readManifest(store, keys, known).catch(() => []);
  return new Map(artifacts.map((artifact) => [artifact.key, artifact]));
}

async function listArtifacts(source: ObjectStore, signal: AbortSignal): Promise<ListedObject[]> {
  const found: ListedObject[] = [];
  for await (const object of source.list(ARTIFACTS)) {
    signal.throwIfAborted();
    found.push(object);
  }
  return found;
}

function isUnchanged(object: ListedObject, last: MirroredArtifact | undefined): last is MirroredArtifact {
  return last?.bytes === object.bytes && last.modifiedAt === object.modifiedAt.getTime();
}

async function hashOf(source: ObjectStore, object: ListedObject): Promise<MirroredArtifact | undefined> {
  const found = await source.read(object.key);
  if (!found) return undefined;
  const hash = createHash("sha256");
  let bytes = 0;
  for await (const part of found.stream as AsyncIterable<Uint8Array>) {
    hash.update(part);
    bytes += part.byteLength;
  }
  return { key: object.key, bytes, sha256: hash.digest("hex"), modifiedAt: object.modifiedAt.getTime() };
}
