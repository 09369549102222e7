import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { Readable } from "node:stream";
import {
  AbortMultipartUploadCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  paginateListObjectsV2,
  S3Client,
  S3ServiceException,
} from "@aws-sdk/client-s3";
import { Upload } from "@aws-sdk/lib-storage";
import type { ListedObject } from "./object-walk.ts";
import {
  checkKey,
  type ByteRange,
  type ObjectContent,
  type ObjectStore,
  type S3Access,
  type StoredObject,
} from "./object-store.ts";

/** Milliseconds until a connection must stand, and until S3 must have begun to answer. */
const CONNECT_MS = 3_000;
const ANSWER_MS = 15_000;

/** Times that a request is tried in all; waits in between are the SDK's. */
const ATTEMPTS = 3;

/** Bytes of one part of an upload: the least that S3 takes. Four are under way at once. */
const PART_BYTES = 5 * 1024 * 1024;

interface Bucket {
  readonly client: S3Client;
  readonly name: string;
  /** Beginning of every key; empty or with a slash at its end. */
  readonly prefix: string;
}

/**
 * The object store in S3, or in what speaks like it. Region, credentials and another address come from where AWS's own programs take them:
 * `AWS_REGION`, the pod's role, `AWS_ENDPOINT_URL_S3`.
 *
 * @param url `s3://bucket` or `s3://bucket/folder`
 * @param access what is said here and not there
 */
export function s3Store(url: string, access: S3Access = {}): ObjectStore {
  const { hostname: name, pathname } = new URL(url);
  const folder = pathname.replace(/^\/|\/$/g, "");
  const client = openClient(access);
  const bucket: Bucket = { client, name, prefix: folder === "" ? "" : `${folder}/` };
  return {
    put: (key, content) => asking(bucket, `put ${key}`, () => put(bucket, key, content)),
    read: (key, range) => asking(bucket, `read ${key}`, () => read(bucket, key, range)),
    remove: (key) => asking(bucket, `remove ${key}`, () => remove(bucket, key)),
    list: (keys) => list(bucket, keys),
    removeUnfinished: (olderThanMs) =>
      asking(bucket, "remove unfinished uploads", () => removeUnfinished(bucket, olderThanMs)),
    // That it takes something shows when something is put: a probe that writes would leave a version every few seconds.
    check: () =>
      asking(bucket, "look", async () => {
        await client.send(new HeadBucketCommand({ Bucket: name }));
      }),
  };
}

function openClient({ endpoint, region, caFile, credentials }: S3Access): S3Client {
  return new S3Client({
    maxAttempts: ATTEMPTS,
    requestHandler: {
      connectionTimeout: CONNECT_MS,
      requestTimeout: ANSWER_MS,
      ...(caFile !== undefined && { httpsAgent: { ca: readFileSync(caFile, "utf8") } }),
    },
    // Others have no name for each bucket.
    forcePathStyle: (endpoint ?? process.env["AWS_ENDPOINT_URL_S3"]) !== undefined,
    ...(endpoint !== undefined && { endpoint }),
    ...(region !== undefined && { region }),
    ...(credentials && { credentials }),
  });
}

/** An error of S3 says neither bucket nor what was asked; its other fields may hold what nobody should read in a log. */
async function asking<T>({ name }: Bucket, what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof S3ServiceException || isNetworkFault(error))
      throw new Error(`s3://${name}: ${what}: ${error.name}: ${error.message}`, { cause: error.name });
    throw error;
  }
}

/** What the SDK throws when S3 could not be reached at all: errors of Node and of its own, without a status. */
function isNetworkFault(error: unknown): error is Error {
  return error instanceof Error && ("code" in error || error.name === "TimeoutError" || "$metadata" in error);
}

/** An object appears when its last part is there: until then a reader finds the one before, or none. */
async function put(
  bucket: Bucket,
  key: string,
  content: Uint8Array | AsyncIterable<Uint8Array>,
): Promise<StoredObject> {
  const hash = createHash("sha256");
  let bytes = 0;
  async function* counted() {
    for await (const chunk of content instanceof Uint8Array ? [content] : content) {
      hash.update(chunk);
      bytes += chunk.byteLength;
      yield chunk;
    }
  }
  const Body = Readable.from(counted(), { objectMode: false });
  const params = { Bucket: bucket.name, Key: keyIn(bucket, key), Body };
  await new Upload({ client: bucket.client, params, partSize: PART_BYTES }).done();
  return { bytes, sha256: hash.digest("hex") };
}

async function read(bucket: Bucket, key: string, range: ByteRange | undefined): Promise<ObjectContent | undefined> {
  const object = { Bucket: bucket.name, Key: keyIn(bucket, key) };
  try {
    if (range && (range.first < 0 || range.first > range.last)) return await notWithin(bucket, object, range);
    const Range = range && `bytes=${range.first}-${range.last}`;
    const { Body, ContentLength, ContentRange } = await bucket.client.send(new GetObjectCommand({ ...object, Range }));
    if (!(Body instanceof Readable)) throw new Error(`s3://${bucket.name}: ${key} came without content`);
    const [, last, size] = /-(\d+)\/(\d+)$/.exec(ContentRange ?? "") ?? [];
    if (range && Number(last) !== range.last) {
      Body.destroy();
      throw outside(range, Number(size));
    }
    return { bytes: size === undefined ? (ContentLength ?? 0) : Number(size), stream: Body };
  } catch (error) {
    if (isStatus(error, 404)) return undefined;
    if (range && isStatus(error, 416)) return notWithin(bucket, object, range);
    throw error;
  }
}

async function notWithin(
  { client }: Bucket,
  object: { readonly Bucket: string; readonly Key: string },
  range: ByteRange,
): Promise<never> {
  const { ContentLength = 0 } = await client.send(new HeadObjectCommand(object));
  throw outside(range, ContentLength);
}

function outside({ first, last }: ByteRange, bytes: number): Error {
  return new Error(`bytes ${first} to ${last} are not within an object of ${bytes} bytes`);
}

async function remove(bucket: Bucket, key: string): Promise<void> {
  await bucket.client.send(new DeleteObjectCommand({ Bucket: bucket.name, Key: keyIn(bucket, key) }));
}

function list(bucket: Bucket, folder: string): AsyncIterable<ListedObject> {
  return walk(bucket, `${keyIn(bucket, folder)}/`);
}

async function* walk({ client, name, prefix }: Bucket, Prefix: string): AsyncGenerator<ListedObject> {
  for await (const { Contents = [] } of paginateListObjectsV2({ client }, { Bucket: name, Prefix }))
    for (const { Key, Size, LastModified } of Contents)
      if (Key !== undefined)
        yield { key: Key.slice(prefix.length), bytes: Size ?? 0, modifiedAt: LastModified ?? new Date(0) };
}

/** Parts of uploads whose process died. They cost as objects do, and nobody sees them. */
async function removeUnfinished({ client, name, prefix }: Bucket, olderThanMs: number): Promise<number> {
  let removed = 0;
  let marker: { KeyMarker?: string | undefined; UploadIdMarker?: string | undefined } = {};
  for (;;) {
    const page = await client.send(new ListMultipartUploadsCommand({ Bucket: name, Prefix: prefix, ...marker }));
    for (const { Key, UploadId, Initiated } of page.Uploads ?? []) {
      if (Key === undefined || Date.now() - (Initiated?.getTime() ?? 0) < olderThanMs) continue;
      await client.send(new AbortMultipartUploadCommand({ Bucket: name, Key, UploadId }));
      removed += 1;
    }
    if (page.IsTruncated !== true) return removed;
    marker = { KeyMarker: page.NextKeyMarker, UploadIdMarker: page.NextUploadIdMarker };
  }
}

function keyIn({ prefix }: Bucket, key: string): string {
  checkKey(key);
  return `${prefix}${key}`;
}

function isStatus(error: unknown, status: number): boolean {
  return error instanceof S3ServiceException && error.$metadata.httpStatusCode === status;
}
