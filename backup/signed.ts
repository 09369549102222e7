import { createHash } from "node:crypto";
import { z } from "zod";
import { BackupFault } from "./faults.ts";
import { isSame, macOf, type BackupKeys } from "./keys.ts";

/**
 * Small documents that people may read and nobody may change: one line of JSON with the id of the key, an HMAC over the body and the
 * place that it lies in, and a checksum that anybody can compute. The checksum tells damage from another key and from forgery.
 */
const envelope = z.strictObject({
  format: z.string(),
  keyId: z.string(),
  body: z.unknown(),
  mac: z.string(),
  checksum: z.string(),
});

/** What kind of document it is, as its first field says, and the shape of its body. */
export interface DocumentKind<T> {
  readonly format: string;
  readonly schema: z.ZodType<T>;
}

/**
 * Writes a document.
 *
 * @param name key of the file in its repository: elsewhere it is foreign
 */
export function sign<T>(kind: DocumentKind<T>, keys: BackupKeys, name: string, body: T): Buffer {
  const mac = macOf(keys.mac, kind.format, name, JSON.stringify(body));
  const document = { format: kind.format, keyId: keys.id, body, mac };
  return Buffer.from(`${JSON.stringify({ ...document, checksum: checksumOf(document) })}\n`);
}

/**
 * Reads a document and checks it.
 *
 * @throws BackupFault saying whether it is damaged, foreign or of another key
 */
export function readSigned<T>(kind: DocumentKind<T>, keys: BackupKeys, name: string, content: Buffer): T {
  const { checksum, ...document } = parse(name, content);
  if (checksum !== checksumOf(document)) throw new BackupFault("damaged", name, "its checksum is not that of its text");
  const { format, keyId, body, mac } = document;
  if (format !== kind.format)
    throw new BackupFault("foreign", name, `its format is ${JSON.stringify(format)}, must be ${kind.format}`);
  if (keyId !== keys.id)
    throw new BackupFault("wrong-key", name, `it was signed with the key ${keyId}, and the key in use is ${keys.id}`);
  if (!isSame(mac, macOf(keys.mac, kind.format, name, JSON.stringify(body))))
    throw new BackupFault("foreign", name, "it was signed for another place, or by somebody without the key");
  const parsed = kind.schema.safeParse(body);
  if (parsed.success) return parsed.data;
  const places = parsed.error.issues.map((issue) => issue.path.join(".")).join(", ");
  throw new BackupFault("foreign", name, `another release wrote it; not as this one knows it: ${places}`);
}

function parse(name: string, content: Buffer): z.output<typeof envelope> {
  const text = content.toString("utf8");
  let document: z.output<typeof envelope>;
  try {
    document = envelope.parse(JSON.parse(text));
  } catch {
    // A text that begins as ours do was ours.
    throw text.startsWith('{"format":"slipway-')
      ? new BackupFault(text.endsWith("}\n") ? "damaged" : "truncated", name, "it is not the document that was written")
      : new BackupFault("foreign", name, "it is no document of Slipway, or its beginning is damaged");
  }
  // Whatever does not change the meaning of JSON, such as a space, is damage all the same.
  if (!Buffer.from(`${JSON.stringify(document)}\n`).equals(content))
    throw new BackupFault(text.endsWith("\n") ? "damaged" : "truncated", name, "its text is not as it was written");
  return document;
}

function checksumOf(document: { format: string; keyId: string; body?: unknown; mac: string }): string {
  const { format, keyId, body, mac } = document;
  return createHash("sha256")
    .update(JSON.stringify([format, keyId, body, mac]))
    .digest("hex");
}
