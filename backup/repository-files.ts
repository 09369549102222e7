import { Readable } from "node:stream";
import type { ObjectStore, StoredObject } from "../jobs/object-store.ts";
import { BackupFault } from "./faults.ts";
import type { BackupKeys } from "./keys.ts";
import { seal, unseal } from "./sealing.ts";
import { readSigned, sign, type DocumentKind } from "./signed.ts";

/** More than any document of ours; a larger file is not read into memory. */
const MOST_DOCUMENT_BYTES = 16 * 1024 * 1024;

/** Puts a closed file, whole or not at all. */
export function putSealed(
  store: ObjectStore,
  keys: BackupKeys,
  key: string,
  content: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): Promise<StoredObject> {
  return store.put(key, seal(keys, key, content));
}

/**
 * Opens a closed file; each piece that comes is checked.
 *
 * @throws BackupFault
 */
export async function* readSealed(store: ObjectStore, keys: BackupKeys, key: string): AsyncGenerator<Buffer> {
  yield* unseal(keys, key, await openFile(store, key));
}

/** Puts a signed document, whole or not at all. */
export function putSigned<T>(
  store: ObjectStore,
  kind: DocumentKind<T>,
  keys: BackupKeys,
  key: string,
  body: T,
): Promise<StoredObject> {
  return store.put(key, sign(kind, keys, key, body));
}

/**
 * Reads a signed document.
 *
 * @throws BackupFault, `missing` where there is none
 */
export async function getSigned<T>(
  store: ObjectStore,
  kind: DocumentKind<T>,
  keys: BackupKeys,
  key: string,
): Promise<T> {
  const stream = await openFile(store, key, MOST_DOCUMENT_BYTES);
  const parts: Uint8Array[] = [];
  for await (const part of stream) parts.push(part);
  return readSigned(kind, keys, key, Buffer.concat(parts));
}

/**
 * Opens a file.
 *
 * @throws BackupFault where there is none, or it is larger than it may be
 */
export async function openFile(
  store: ObjectStore,
  key: string,
  mostBytes = Infinity,
): Promise<AsyncIterable<Uint8Array>> {
  const found = await store.read(key);
  if (!found) throw new BackupFault("missing", key, "it is not there");
  if (found.bytes > mostBytes) {
    found.stream.destroy();
    throw new BackupFault("foreign", key, `it has ${found.bytes} bytes, more than any such file of ours`);
  }
  return bytesOf(found.stream);
}

async function* bytesOf(stream: Readable): AsyncGenerator<Uint8Array> {
  for await (const part of stream) {
    if (!(part instanceof Uint8Array)) throw new TypeError("a stream of bytes gave something else");
    yield part;
  }
}
