import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import { z } from "zod";
import type { NamedContent } from "./artifact-manifest.ts";
import { writeDurably } from "./durable-file.ts";

/** Lines that are put together into one piece. */
const LINES = 1000;

const lineSchema = z.strictObject({ key: z.string(), bytes: z.number(), sha256: z.string() });

/** Beside a restored folder: artifacts that its database names and that were not in the store, a line of JSON each. */
function listOf(folder: string): string {
  return `${folder}.artifacts.jsonl`;
}

/** In a cluster who brings them back is another user, of the disk's group. */
const GROUP_READS = 0o640;

/** Writes them down for whoever may write to the store: a restore may not. */
export async function writeAbsent(folder: string, artifacts: readonly NamedContent[]): Promise<void> {
  await writeDurably(listOf(folder), pieces(artifacts), GROUP_READS);
}

function* pieces(artifacts: readonly NamedContent[]): Generator<string> {
  for (let at = 0; at < artifacts.length; at += LINES) {
    const lines = artifacts
      .slice(at, at + LINES)
      .map(({ key, bytes, sha256 }) => JSON.stringify({ key, bytes, sha256 }));
    yield `${lines.join("\n")}\n`;
  }
}

/**
 * Reads them.
 *
 * @throws Error where nothing was restored into that folder
 */
export async function readAbsent(folder: string): Promise<NamedContent[]> {
  const artifacts: NamedContent[] = [];
  const path = listOf(folder);
  try {
    for await (const line of createInterface({ input: createReadStream(path, "utf8") }))
      artifacts.push(lineSchema.parse(JSON.parse(line)));
  } catch (error) {
    if (!(error instanceof Error) || !("code" in error) || error.code !== "ENOENT") throw error;
    throw new Error(
      `bring-back: ${path} is not there, must be what a restore wrote; restore into ${folder} first, by this release`,
    );
  }
  return artifacts;
}
