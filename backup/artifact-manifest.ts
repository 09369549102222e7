import { z } from "zod";
import type { ObjectStore, StoredObject } from "../jobs/object-store.ts";
import { BackupFault } from "./faults.ts";
import type { BackupKeys } from "./keys.ts";
import { putSealed, readSealed } from "./repository-files.ts";

const schema = z.strictObject({
  key: z.string(),
  bytes: z.number().int().nonnegative(),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  modifiedAt: z.number(),
});

/** An artifact as the mirror knows it. */
export type MirroredArtifact = z.output<typeof schema>;

/** An artifact and what is in it, as the database's own rows say too. */
export type NamedContent = Pick<MirroredArtifact, "key" | "bytes" | "sha256">;

const FIRST_LINE = "slipway-artifacts/1";

/** Lines that are put together into one piece. */
const LINES = 1000;

/** Manifest of the mirror between backups, which goes on by itself. */
export const LATEST_MANIFEST = "mirror/latest.enc";

/** Puts a manifest: a line of its format, then a line of JSON for each artifact. */
export function putManifest(
  store: ObjectStore,
  keys: BackupKeys,
  name: string,
  artifacts: readonly MirroredArtifact[],
): Promise<StoredObject> {
  return putSealed(store, keys, name, write(artifacts));
}

function* write(artifacts: readonly MirroredArtifact[]): Generator<Buffer> {
  yield Buffer.from(`${FIRST_LINE}\n`);
  for (let at = 0; at < artifacts.length; at += LINES) {
    const lines = artifacts.slice(at, at + LINES).map((artifact) => `${JSON.stringify(artifact)}\n`);
    yield Buffer.from(lines.join(""));
  }
}

/**
 * Reads a manifest.
 *
 * @throws BackupFault
 */
export async function readManifest(store: ObjectStore, keys: BackupKeys, name: string): Promise<MirroredArtifact[]> {
  const artifacts: MirroredArtifact[] = [];
  let isFirst = true;
  for await (const line of linesOf(readSealed(store, keys, name))) {
    if (!isFirst) artifacts.push(readLine(name, line));
    else if (line !== FIRST_LINE) throw new BackupFault("foreign", name, `it does not begin with ${FIRST_LINE}`);
    isFirst = false;
  }
  return artifacts;
}

function readLine(name: string, line: string): MirroredArtifact {
  try {
    return schema.parse(JSON.parse(line));
  } catch {
    throw new BackupFault("foreign", name, "another release wrote it: its lines are not as this one knows them");
  }
}

async function* linesOf(parts: AsyncIterable<Buffer>): AsyncGenerator<string> {
  let rest = Buffer.alloc(0);
  for await (const part of parts) {
    rest = Buffer.concat([rest, part]);
    for (let end = rest.indexOf("\n"); end >= 0; end = rest.indexOf("\n")) {
      yield rest.subarray(0, end).toString("utf8");
      rest = rest.subarray(end + 1);
    }
  }
}
