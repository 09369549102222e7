import { normalize } from "node:path";
import type { Readable } from "node:stream";
import type { ListedObject } from "./object-walk.ts";

/** What was stored. */
export interface StoredObject {
  readonly bytes: number;
  /** Of the content, in hex. */
  readonly sha256: string;
}

/** A part of an object: from its first to its last byte, both counted from 0 and both in it. */
export interface ByteRange {
  readonly first: number;
  readonly last: number;
}

/** An object, or a part of one, that is being read. */
export interface ObjectContent {
  /** Of the whole object, also when a part is read. */
  readonly bytes: number;
  /** Must be read to its end or destroyed. */
  readonly stream: Readable;
}

/** How a bucket is reached that is not this process's own: everything that is left out comes from the environment, as AWS's programs take it. */
export interface S3Access {
  readonly endpoint?: string | undefined;
  readonly region?: string | undefined;
  /** PEM file of the authority of the endpoint's certificate. */
  readonly caFile?: string | undefined;
  readonly credentials?: { readonly accessKeyId: string; readonly secretAccessKey: string } | undefined;
}

/** Where artifacts live. An object is there as a whole or not at all. */
export interface ObjectStore {
  /** Stores an object under a key of a-z, 0-9, `-`, `.` and `/`; an older one of that key is replaced. */
  put(key: string, content: Uint8Array | AsyncIterable<Uint8Array>): Promise<StoredObject>;
  /**
   * Opens an object, or gives `undefined` where there is none.
   *
   * @param range the part that is wanted; must lie within the object @default all of it
   */
  read(key: string, range?: ByteRange): Promise<ObjectContent | undefined>;
  /** Removes an object, if it is there. */
  remove(key: string): Promise<void>;
  /**
   * Objects below a folder, read as they are asked for.
   *
   * @param folder the keys' beginning, without the `/` at its end, such as `artifacts`
   */
  list(folder: string): AsyncIterable<ListedObject>;
  /** Removes what puts left behind whose process died; gives how many. @param olderThanMs what is younger may still be written */
  removeUnfinished(olderThanMs: number): Promise<number>;
  /**
   * Checks that the store can be used.
   * @throws Error with the reason
   */
  check(use: "read" | "write"): Promise<void>;
}

const KEY = /^[a-z0-9][a-z0-9.-]*(\/[a-z0-9][a-z0-9.-]*)*$/;

/** @throws Error where no store takes the key */
export function checkKey(key: string): string {
  if (KEY.test(key) && normalize(key) === key) return key;
  throw new Error(`object key ${JSON.stringify(key)} is not allowed: a-z, 0-9, - and . in parts separated by /`);
}
