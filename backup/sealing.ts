import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomBytes } from "node:crypto";
import { BackupFault } from "./faults.ts";
import { isSame, macOf, type BackupKeys } from "./keys.ts";

/**
 * Files closed with AES-256-GCM in chunks, so that a stream of any length is checked as it is read:
 *
 *     header: "SLIPWAY1", id of the key (8 bytes), salt (32), HMAC of these and of the file's name (16), SHA-256 of all that (8)
 *     chunks: 64 KiB of text, the last one shorter or as long, each with a tag (16)
 *
 * A chunk's nonce is its number and whether it is the last: none can be left out, repeated, moved or cut off. The header's checksum tells
 * damage from another key, and its HMAC tells a file of this key and place from one that was brought there.
 */
const MAGIC = Buffer.from("SLIPWAY1");
const ID_BYTES = 8;
const SALT_BYTES = 32;
const MAC_BYTES = 16;
const CHECKSUM_BYTES = 8;
const NAMED_BYTES = MAGIC.length + ID_BYTES + SALT_BYTES;
const SUMMED_BYTES = NAMED_BYTES + MAC_BYTES;
const HEADER_BYTES = SUMMED_BYTES + CHECKSUM_BYTES;
const CHUNK_BYTES = 64 * 1024;
const TAG_BYTES = 16;
const NONCE_BYTES = 12;

/** Length of a file that so many bytes are closed to. */
export function sealedBytes(bytes: number): number {
  return HEADER_BYTES + bytes + TAG_BYTES * Math.max(1, Math.ceil(bytes / CHUNK_BYTES));
}

/**
 * Closes a stream.
 *
 * @param name key of the file in its repository: elsewhere it does not open
 */
export async function* seal(
  keys: BackupKeys,
  name: string,
  content: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): AsyncGenerator<Buffer> {
  const salt = randomBytes(SALT_BYTES);
  yield headerOf(keys, name, salt);
  const key = keyOf(keys, name, salt);
  let number = 0;
  for await (const { bytes, isLast } of pieces(content, CHUNK_BYTES)) {
    const cipher = createCipheriv("aes-256-gcm", key, nonceOf(number, isLast));
    yield Buffer.concat([cipher.update(bytes), cipher.final(), cipher.getAuthTag()]);
    number += 1;
  }
}

/**
 * Opens a stream. Each piece that comes out is checked; that it is whole is known when the stream has ended.
 *
 * @throws BackupFault for everything that is not what was closed
 */
export async function* unseal(
  keys: BackupKeys,
  name: string,
  sealed: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): AsyncGenerator<Buffer> {
  let key: Buffer | undefined;
  let number = 0;
  for await (const { bytes, isLast, isHeader } of pieces(sealed, CHUNK_BYTES + TAG_BYTES, HEADER_BYTES)) {
    if (isHeader) {
      key = keyOf(keys, name, checkHeader(keys, name, bytes));
      if (isLast) throw new BackupFault("truncated", name, "it ends after its header");
      continue;
    }
    if (key === undefined) throw new BackupFault("truncated", name, "it has no header");
    yield openChunk(key, name, bytes, number, isLast);
    number += 1;
  }
}

function headerOf(keys: BackupKeys, name: string, salt: Buffer): Buffer {
  const named = Buffer.concat([MAGIC, Buffer.from(keys.id, "hex"), salt]);
  const summed = Buffer.concat([named, headerMac(keys, name, named)]);
  return Buffer.concat([summed, checksumOf(summed)]);
}

/** Gives the salt. */
function checkHeader(keys: BackupKeys, name: string, header: Buffer): Buffer {
  if (header.length < HEADER_BYTES)
    throw new BackupFault("truncated", name, `it has ${header.length} bytes, fewer than its header`);
  const [named, summed] = [header.subarray(0, NAMED_BYTES), header.subarray(0, SUMMED_BYTES)];
  if (!checksumOf(summed).equals(header.subarray(SUMMED_BYTES))) {
    // No file of ours begins with all of this and a wrong checksum but by damage.
    throw header.subarray(0, MAGIC.length).equals(MAGIC)
      ? new BackupFault("damaged", name, "its header is not as it was written")
      : new BackupFault("foreign", name, "it is no file of Slipway, or its beginning is damaged");
  }
  const id = named.subarray(MAGIC.length, MAGIC.length + ID_BYTES).toString("hex");
  if (id !== keys.id)
    throw new BackupFault("wrong-key", name, `it was closed with the key ${id}, and the key in use is ${keys.id}`);
  if (!isSame(headerMac(keys, name, named).toString("hex"), summed.subarray(NAMED_BYTES).toString("hex")))
    throw new BackupFault("foreign", name, "it was made for another place than this one");
  return named.subarray(MAGIC.length + ID_BYTES);
}

function openChunk(key: Buffer, name: string, bytes: Buffer, number: number, isLast: boolean): Buffer {
  const opened = tryChunk(key, bytes, nonceOf(number, isLast));
  if (opened) return opened;
  // Whole, and others came after it when it was written.
  if (isLast && tryChunk(key, bytes, nonceOf(number, false)))
    throw new BackupFault("truncated", name, `it ends after chunk ${number}`);
  throw new BackupFault("damaged", name, `chunk ${number}${isLast ? ", the last," : ""} is not as it was written`);
}

function tryChunk(key: Buffer, bytes: Buffer, nonce: Buffer): Buffer | undefined {
  if (bytes.length < TAG_BYTES) return undefined;
  const decipher = createDecipheriv("aes-256-gcm", key, nonce, { authTagLength: TAG_BYTES });
  decipher.setAuthTag(bytes.subarray(-TAG_BYTES));
  try {
    return Buffer.concat([decipher.update(bytes.subarray(0, -TAG_BYTES)), decipher.final()]);
  } catch {
    return undefined;
  }
}

function keyOf(keys: BackupKeys, name: string, salt: Buffer): Buffer {
  return Buffer.from(hkdfSync("sha256", keys.content, salt, `slipway/backup/file/v1 ${name}`, 32));
}

function nonceOf(number: number, isLast: boolean): Buffer {
  const nonce = Buffer.alloc(NONCE_BYTES);
  nonce.writeUInt32BE(number, NONCE_BYTES - 5);
  nonce.writeUInt8(isLast ? 1 : 0, NONCE_BYTES - 1);
  return nonce;
}

function headerMac(keys: BackupKeys, name: string, named: Buffer): Buffer {
  return Buffer.from(macOf(keys.mac, "sealed file", name, named), "hex").subarray(0, MAC_BYTES);
}

function checksumOf(bytes: Buffer): Buffer {
  return createHash("sha256").update(bytes).digest().subarray(0, CHECKSUM_BYTES);
}

interface Piece {
  readonly bytes: Buffer;
  readonly isLast: boolean;
  readonly isHeader: boolean;
}

/** Cuts a stream into pieces of one length; one comes when more is known to follow, or nothing. An empty stream is one empty piece. */
async function* pieces(
  content: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  length: number,
  headerLength = 0,
): AsyncGenerator<Piece> {
  let held: Uint8Array[] = [];
  let count = 0;
  let isHeader = headerLength > 0;
  for await (const chunk of content) {
    held.push(chunk);
    count += chunk.byteLength;
    if (count <= (isHeader ? headerLength : length)) continue;
    let all = Buffer.concat(held, count);
    for (let size = isHeader ? headerLength : length; all.length > size; size = length) {
      yield { bytes: all.subarray(0, size), isLast: false, isHeader };
      isHeader = false;
      all = all.subarray(size);
    }
    [held, count] = [[all], all.length];
  }
  yield { bytes: Buffer.concat(held, count), isLast: true, isHeader };
}
