import type { ObjectStore } from "../jobs/object-store.ts";
import { contentKey, contentsOf, copyFile } from "./artifact-contents.ts";
import { LATEST_MANIFEST, readManifest } from "./artifact-manifest.ts";
import type { OnBytes } from "./artifact-mirror.ts";
import { eachOf } from "./each-of.ts";
import { BackupFault } from "./faults.ts";
import { sealedBytes } from "./sealing.ts";
import { localStore, type SetContext } from "./set-context.ts";
import { listSets, setKey } from "./sets.ts";

/** Files that are copied at once. */
const AT_ONCE = 4;

/**
 * Brings what the second repository lacks: contents, then each set whose metadata it has not, then what the mirror knows. Sets are copied as they
 * lie there, closed. Killed in between, it goes on where it was.
 */
export async function copyAway(context: SetContext, onBytes?: OnBytes): Promise<void> {
  const from = localStore(context);
  for (const { name, store } of context.repositories) {
    if (name === "local") continue;
    const there = new Set((await listSets(store)).filter(({ isFinished }) => isFinished).map(({ label }) => label));
    const contents = await contentsOf(store);
    for (const { label, isFinished } of await listSets(from))
      if (isFinished && !there.has(label)) await copySet(context, store, label, contents, onBytes);
    await copyContents(context, store, LATEST_MANIFEST, contents, onBytes);
    await copyIfThere(from, store, LATEST_MANIFEST);
  }
}

async function copySet(
  context: SetContext,
  to: ObjectStore,
  label: string,
  contents: Map<string, number>,
  onBytes?: OnBytes,
): Promise<void> {
  await copyContents(context, to, setKey(label, "artifacts"), contents, onBytes);
  // Its metadata last: until then it is not whole.
  for (const file of ["redis", "artifacts", "metadata"] as const)
    await copyIfThere(localStore(context), to, setKey(label, file));
}

/** Contents that a manifest names; a manifest that cannot be read here names none, and `verify` says so. */
async function copyContents(
  context: SetContext,
  to: ObjectStore,
  manifest: string,
  contents: Map<string, number>,
  onBytes?: OnBytes,
): Promise<void> {
  const { keys, signal } = context;
  const from = localStore(context);
  const lengths = new Map(
    (await readManifest(from, keys, manifest).catch(noneIfFaulty)).map(({ sha256, bytes }) => [
      contentKey(keys, sha256),
      sealedBytes(bytes),
    ]),
  );
  const lacking = [...lengths].filter(([key, bytes]) => contents.get(key) !== bytes);
  const total = lacking.reduce((sum, [, bytes]) => sum + bytes, 0);
  let done = 0;
  await eachOf(lacking, AT_ONCE, async ([key, bytes]) => {
    signal.throwIfAborted();
    await copyIfThere(from, to, key);
    contents.set(key, bytes);
    onBytes?.((done += bytes), total);
  });
}

/** What is missing here is a fault of this repository, which `verify` finds; it must not keep the rest from being copied. */
async function copyIfThere(from: ObjectStore, to: ObjectStore, key: string): Promise<void> {
  await copyFile(from, to, key).catch(noneIfFaulty);
}

function noneIfFaulty(error: unknown): never[] {
  if (error instanceof BackupFault) return [];
  throw error;
}
