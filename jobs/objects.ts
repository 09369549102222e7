import { createHash, randomUUID } from "node:crypto";
import { access, constants, mkdir, open, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  checkKey,
  type ByteRange,
  type ObjectContent,
  type ObjectStore,
  type S3Access,
  type StoredObject,
} from "./object-store.ts";
import { removeOldFiles, walkObjects, type ListedObject } from "./object-walk.ts";

const STAGING = ".staging";

/**
 * Opens the object store behind a URL.
 *
 * @param url `file:///folder` or `s3://bucket/folder`
 * @param access of a bucket that is not this process's own @default the environment's
 * @throws Error for a scheme that there is no store for
 */
export function openObjects(url: string, access?: S3Access): ObjectStore {
  const { protocol } = new URL(url);
  switch (protocol) {
    case "file:":
      return folderStore(fileURLToPath(url));
    case "s3:":
      return lateStore(async () => (await import("./objects-s3.ts")).s3Store(url, access));
    default:
      throw new Error(`OBJECTS_URL: got scheme ${protocol}, allowed: file:, s3:. Correct OBJECTS_URL.`);
  }
}

/** A store whose code is loaded when it is used for the first time: a stack with a folder never loads AWS's client. */
function lateStore(open: () => Promise<ObjectStore>): ObjectStore {
  let opened: Promise<ObjectStore> | undefined;
  const store = () => (opened ??= open());
  return {
    put: async (key, content) => (await store()).put(checkKey(key), content),
    read: async (key, range) => (await store()).read(checkKey(key), range),
    remove: async (key) => (await store()).remove(checkKey(key)),
    list: (folder) => {
      checkKey(folder);
      return listLate(store, folder);
    },
    removeUnfinished: async (olderThanMs) => (await store()).removeUnfinished(olderThanMs),
    check: async (use) => (await store()).check(use),
  };
}

async function* listLate(store: () => Promise<ObjectStore>, folder: string): AsyncGenerator<ListedObject> {
  yield* (await store()).list(folder);
}

function folderStore(folder: string): ObjectStore {
  return {
    put: async (key, content) => {
      const path = pathOf(folder, key);
      const staged = join(folder, STAGING, randomUUID());
      await mkdir(dirname(staged), { recursive: true, mode: 0o750 });
      await mkdir(dirname(path), { recursive: true, mode: 0o750 });
      let stored: StoredObject;
      try {
        stored = await writeDurably(staged, content);
        await rename(staged, path);
      } catch (error) {
        await rm(staged, { force: true });
        throw error;
      }
      await syncFolder(dirname(path));
      return stored;
    },
    read: async (key, range) => readFrom(pathOf(folder, key), range),
    remove: async (key) => {
      await rm(pathOf(folder, key), { force: true });
    },
    list: (keys) => {
      pathOf(folder, keys); // Only for its check.
      return walkObjects(folder, keys);
    },
    removeUnfinished: (olderThanMs) => removeOldFiles(join(folder, STAGING), olderThanMs),
    check: async (use) => {
      await access(
        folder,
        use === "write" ? constants.R_OK | constants.W_OK | constants.X_OK : constants.R_OK | constants.X_OK,
      );
    },
  };
}

/** Size and content are of one opened file: one that is replaced or removed meanwhile does not mix in. */
async function readFrom(path: string, range: ByteRange | undefined): Promise<ObjectContent | undefined> {
  let file;
  try {
    file = await open(path, "r");
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
  const { size } = await file.stat();
  if (range && (range.first < 0 || range.first > range.last || range.last >= size)) {
    await file.close();
    throw new Error(`bytes ${range.first} to ${range.last} are not within an object of ${size} bytes`);
  }
  return { bytes: size, stream: file.createReadStream(range ? { start: range.first, end: range.last } : {}) };
}

function pathOf(folder: string, key: string): string {
  return join(folder, checkKey(key));
}

/** Group-readable: the API reads what the worker wrote, under another user of the folder's group. */
async function writeDurably(path: string, content: Uint8Array | AsyncIterable<Uint8Array>): Promise<StoredObject> {
  const file = await open(path, "wx", 0o640);
  const hash = createHash("sha256");
  let bytes = 0;
  try {
    for await (const chunk of content instanceof Uint8Array ? [content] : content) {
      hash.update(chunk);
      await file.writeFile(chunk);
      bytes += chunk.byteLength;
    }
    await file.sync();
    return { bytes, sha256: hash.digest("hex") };
  } finally {
    await file.close();
  }
}

/** A rename is durable once the folder is. */
async function syncFolder(path: string): Promise<void> {
  const handle = await open(path, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}
