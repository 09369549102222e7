import { createHash } from "node:crypto";
import type { ObjectStore } from "../jobs/object-store.ts";
import { contentKey, openContent } from "./artifact-contents.ts";
import { readManifest, type MirroredArtifact } from "./artifact-manifest.ts";
import { eachOf } from "./each-of.ts";
import { escrowFault } from "./escrow.ts";
import { BackupFault, faultOf, type Fault } from "./faults.ts";
import type { BackupKeys } from "./keys.ts";
import { readRedisSnapshot } from "./redis-snapshot.ts";
import { openFile } from "./repository-files.ts";
import { sealedBytes } from "./sealing.ts";
import type { SetContext } from "./set-context.ts";
import { listSets, readMetadata, setKey, type SetFile, type SetMetadata } from "./sets.ts";

/** Contents that are read at once. */
const AT_ONCE = 4;

/** A set and everything that is wrong with it, in any repository. */
export interface VerifiedSet {
  readonly label: string;
  readonly faults: readonly Fault[];
}

export interface VerifiedSets {
  readonly sets: readonly VerifiedSet[];
  /** Of all together: the key's escrow, a repository that does not answer. */
  readonly faults: readonly Fault[];
}

/** How far it is. */
export type OnVerified = (label: string, doneBytes: number, totalBytes: number) => void;

/**
 * Reads everything of our own files of sets, in every repository, and says what is wrong. Contents that several sets share are read once.
 *
 * @param labels backups that must be there, such as all that pgBackRest has; sets beyond these are not looked at
 */
export async function verifySets(
  context: SetContext,
  labels: readonly string[],
  onVerified?: OnVerified,
): Promise<VerifiedSets> {
  const escrow = await escrowFault(context.repositories, context.keys);
  const faults: Fault[] = escrow ? [escrow] : [];
  const found = new Map<string, Fault[]>(labels.map((label) => [label, []]));
  for (const { name, store } of context.repositories) {
    try {
      await store.check("read");
    } catch (error) {
      faults.push(faultOf(error, name));
      continue;
    }
    const reader: Reader = { store, keys: context.keys, signal: context.signal, contents: new Map() };
    for (const label of labels) {
      const wrong = await verifySet(reader, label, (done, total) => onVerified?.(label, done, total));
      found.get(label)?.push(...wrong.map((fault) => ({ ...fault, where: `${name}: ${fault.where}` })));
    }
  }
  return { sets: [...found].map(([label, wrong]) => ({ label, faults: wrong })), faults };
}

/**
 * What is seen of a set without reading it: its metadata, and whether its key is escrowed. For lists, which must not take hours.
 */
export async function glanceAtSet(
  context: SetContext,
  label: string,
): Promise<{ metadata?: SetMetadata; faults: Fault[] }> {
  let metadata: SetMetadata | undefined;
  const faults: Fault[] = [];
  for (const { name, store } of context.repositories) {
    try {
      const read = await readMetadata(store, context.keys, label);
      metadata ??= read;
    } catch (error) {
      const fault = await unfinishedOr(error, store, label);
      faults.push(faultOf(fault, name));
    }
  }
  const escrow = await escrowFault(context.repositories, context.keys);
  if (escrow) faults.push(escrow);
  return { ...(metadata && { metadata }), faults };
}

interface Reader {
  readonly store: ObjectStore;
  readonly keys: BackupKeys;
  readonly signal: AbortSignal;
  /** Contents that were read already: what is wrong with them, if anything. */
  readonly contents: Map<string, Fault | undefined>;
}

async function verifySet(
  reader: Reader,
  label: string,
  onBytes: (done: number, total: number) => void,
): Promise<Fault[]> {
  const { store, keys } = reader;
  let metadata: SetMetadata;
  try {
    metadata = await readMetadata(store, keys, label);
  } catch (error) {
    return [bare(await unfinishedOr(error, store, label))];
  }
  const faults: Fault[] = [];
  const note = async (work: () => Promise<void>) => {
    try {
      await work();
    } catch (error) {
      reader.signal.throwIfAborted();
      faults.push(bare(error));
    }
  };
  await note(async () => {
    await checkFile(store, label, "redis", metadata.redis.file);
    await drain(readRedisSnapshot(store, keys, label));
  });
  let artifacts: MirroredArtifact[] = [];
  await note(async () => {
    await checkFile(store, label, "artifacts", metadata.artifacts.manifest);
    artifacts = await readManifest(store, keys, setKey(label, "artifacts"));
  });
  faults.push(...(await verifyContents(reader, artifacts, onBytes)));
  return faults;
}

async function verifyContents(
  reader: Reader,
  artifacts: readonly MirroredArtifact[],
  onBytes: (done: number, total: number) => void,
): Promise<Fault[]> {
  const { keys, contents, signal } = reader;
  const distinct = new Map(artifacts.map((artifact) => [contentKey(keys, artifact.sha256), artifact]));
  const total = [...distinct.values()].reduce((sum, { bytes }) => sum + bytes, 0);
  let done = 0;
  await eachOf(distinct, AT_ONCE, async ([key, artifact]) => {
    signal.throwIfAborted();
    if (!contents.has(key)) contents.set(key, await contentFault(reader, key, artifact));
    onBytes((done += artifact.bytes), total);
  });
  return [...distinct.keys()].flatMap((key) => contents.get(key) ?? []);
}

async function contentFault(
  { store, keys, signal }: Reader,
  key: string,
  artifact: MirroredArtifact,
): Promise<Fault | undefined> {
  try {
    await checkLength(store, key, sealedBytes(artifact.bytes));
    await drain(openContent(store, keys, artifact));
    return undefined;
  } catch (error) {
    signal.throwIfAborted();
    return bare(error);
  }
}

/** The file must be the one that the metadata names, not only one that opens: an older one of the same set would open too. */
async function checkFile(
  store: ObjectStore,
  label: string,
  file: SetFile,
  expected: { readonly bytes: number; readonly sha256: string },
): Promise<void> {
  const key = setKey(label, file);
  await checkLength(store, key, expected.bytes);
  const hash = createHash("sha256");
  for await (const part of await openFile(store, key)) hash.update(part);
  if (hash.digest("hex") !== expected.sha256) throw await closerFault(store, key);
}

/** Opening tells more, such as that it was closed with another key; that comes next anyway, where it does not open. */
async function closerFault(store: ObjectStore, key: string): Promise<Error> {
  const beginning = await firstBytes(store, key);
  return beginning === "SLIPWAY1"
    ? new BackupFault("damaged", key, "it is not the file that the backup's metadata names")
    : new BackupFault("foreign", key, "it is no file of Slipway, or its beginning is damaged");
}

async function firstBytes(store: ObjectStore, key: string): Promise<string> {
  for await (const part of await openFile(store, key)) return Buffer.from(part.subarray(0, 8)).toString("latin1");
  return "";
}

async function checkLength(store: ObjectStore, key: string, expected: number): Promise<void> {
  const found = await store.read(key);
  found?.stream.destroy();
  if (!found) throw new BackupFault("missing", key, "it is not there");
  if (found.bytes < expected)
    throw new BackupFault("truncated", key, `it has ${found.bytes} bytes, must have ${expected}`);
  if (found.bytes > expected)
    throw new BackupFault("damaged", key, `it has ${found.bytes} bytes, must have ${expected}`);
}

/** Metadata that is missing beside other files of the set was never written. */
async function unfinishedOr(error: unknown, store: ObjectStore, label: string): Promise<unknown> {
  if (!(error instanceof BackupFault) || error.kind !== "missing") return error;
  const begun = (await listSets(store)).some((set) => set.label === label);
  return begun ? new BackupFault("unfinished", error.where, "the backup was begun and never finished") : error;
}

function bare(error: unknown): Fault {
  if (!(error instanceof BackupFault)) return faultOf(error, "store");
  return { kind: error.kind, where: error.where, reason: error.reason };
}

async function drain(parts: AsyncIterable<unknown>): Promise<void> {
  const all = parts[Symbol.asyncIterator]();
  while ((await all.next()).done !== true);
}
