import type { Client } from "pg";
import { contentKey, contentsOf } from "./artifact-contents.ts";
import type { NamedContent } from "./artifact-manifest.ts";
import { sealedBytes } from "./sealing.ts";
import type { SetContext } from "./set-context.ts";

interface Row {
  readonly job_id: string;
  readonly object_key: string;
  readonly bytes: number;
  readonly sha256: string;
}

/** Artifacts that a database names and that are not in the store. */
export interface AbsentArtifacts {
  readonly artifacts: readonly NamedContent[];
  /** How many of them are in no mirror either. */
  readonly missing: number;
}

const PAGE = 10_000;
const ARTIFACTS = `SELECT job_id, object_key, bytes::float8 AS bytes, sha256 FROM artifacts
  WHERE job_id > $1 ORDER BY job_id LIMIT ${PAGE}`;

/** Finds artifacts that a database names and that are not in the store as they were, and counts those that no mirror of it has. */
export async function findAbsent(context: SetContext, client: Client): Promise<AbsentArtifacts> {
  const there = await storedBytes(context);
  const mirrors = await Promise.all(
    context.repositories.map(({ store }) => contentsOf(store).catch(() => new Map<string, number>())),
  );
  const artifacts: NamedContent[] = [];
  let missing = 0;
  for (let after = "0"; ;) {
    const { rows } = await client.query<Row>(ARTIFACTS, [after]);
    for (const { object_key: key, bytes, sha256 } of rows) {
      if (there.get(key) === bytes) continue;
      artifacts.push({ key, bytes, sha256 });
      const content = contentKey(context.keys, sha256);
      if (!mirrors.some((contents) => contents.get(content) === sealedBytes(bytes))) missing += 1;
    }
    const last = rows.at(-1);
    if (!last || rows.length < PAGE) return { artifacts, missing };
    after = last.job_id;
  }
}

/** What is in the store; nothing where a restore runs without it. */
async function storedBytes({ artifacts }: SetContext): Promise<Map<string, number>> {
  const found = new Map<string, number>();
  try {
    for await (const { key, bytes } of artifacts.list("artifacts")) found.set(key, bytes);
  } catch {
    found.clear();
  }
  return found;
}
