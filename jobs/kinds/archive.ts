import { createHash } from "node:crypto";
import { extname } from "node:path";
import { z } from "zod";
import type { Artifact } from "../job.ts";
import { defineKind, PermanentFailure, type JobContext, type Member } from "../kind.ts";
import { zipStream, type ZipEntry } from "../zip.ts";

/** What manifest.json says of a member, in the order of the request. */
interface ManifestLine {
  readonly position: number;
  readonly jobId: string;
  readonly kind: string;
  readonly state: Member["state"];
  /** Within the archive; null for a member that made no file. */
  readonly file: string | null;
  readonly mediaType: string | null;
  readonly bytes: number | null;
  readonly sha256: string | null;
  readonly durationSeconds: number | null;
  readonly error: Member["error"] | null;
}

/** Puts the files that a batch made into one zip, with a manifest. Members that made none stand in the manifest. */
export default defineKind({
  name: "archive",
  params: z.strictObject({}),
  result: z.strictObject({
    members: z.int().min(0),
    /** Files beside the manifest. */
    files: z.int().min(0),
    /** Of the files, not of the archive. */
    bytes: z.int().min(0),
  }),
  queue: "default",
  retry: { maxAttempts: 3, delayMs: 2000 },
  timeoutMs: 1_800_000,
  handler: async (context) => {
    const lines: ManifestLine[] = [];
    const files: ZipEntry[] = [];
    let bytes = 0;
    for await (const member of context.members()) {
      const line = describe(member);
      lines.push(line);
      if (line.file === null || !member.artifact) continue;
      const { artifact } = member;
      bytes += artifact.bytes;
      files.push({ name: line.file, open: () => readWhole(context, artifact) });
      context.progress({ percent: 0, message: `${lines.length} members` });
    }
    const manifest = Buffer.from(`${JSON.stringify({ members: lines }, null, 2)}\n`);
    const content = zipStream([{ name: "manifest.json", open: () => once(manifest) }, ...files]);
    await context.saveArtifact({ mediaType: "application/zip", extension: "zip", content });
    return { members: lines.length, files: files.length, bytes };
  },
});

function describe({ position, jobId, kind, state, artifact, result, error }: Member): ManifestLine {
  const kept = state === "succeeded" ? artifact : undefined;
  return {
    ...{ position, jobId, kind, state },
    file: kept ? `${String(position).padStart(5, "0")}${extname(kept.key)}` : null,
    mediaType: kept?.mediaType ?? null,
    bytes: kept?.bytes ?? null,
    sha256: kept?.sha256 ?? null,
    durationSeconds: durationOf(result),
    error: error ?? null,
  };
}

const timed = z.object({ durationSeconds: z.number() });

/** Of a recording; other kinds' results have none. */
function durationOf(result: unknown): number | null {
  return timed.safeParse(result).data?.durationSeconds ?? null;
}

/** An archive must not be made of a file that is not what its job made. */
async function* readWhole(context: JobContext, artifact: Artifact): AsyncGenerator<Uint8Array> {
  const hash = createHash("sha256");
  for await (const chunk of await context.readArtifact(artifact)) {
    context.signal.throwIfAborted();
    const bytes = chunk as Uint8Array;
    hash.update(bytes);
    yield bytes;
  }
  const found = hash.digest("hex");
  if (found !== artifact.sha256) {
    throw new PermanentFailure(
      "damaged-artifact",
      `${artifact.key} has SHA-256 ${found}, must have ${artifact.sha256}`,
    );
  }
}

async function* once(content: Uint8Array): AsyncGenerator<Uint8Array> {
  yield content;
}
