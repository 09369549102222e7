import type { Client } from "pg";
import { contentKey, contentsOf } from "./artifact-contents.ts";
import { sealedBytes } from "./sealing.ts";
import type { SetContext } from "./set-context.ts";

interface Row {
  readonly job_id: string;
  readonly object_key: string;
  readonly bytes: number;
  readonly sha256: string;
}

const PAGE = 10_000;
const ARTIFACTS = `SELECT job_id, object_key, bytes::float8 AS bytes, sha256 FROM artifacts
  WHERE job_id > $1 ORDER BY job_id LIMIT ${PAGE}`;

/** Counts artifacts that a database names and that are neither in the store nor in any mirror of it. */
export async function countMissing(context: SetContext, client: Client): Promise<number> {
  const there = await storedBytes(context);
  const mirrors = await Promise.all(
    context.repositories.map(({ store }) => contentsOf(store).catch(() => new Map<string, number>())),
  );
  let missing = 0;
  for (let after = "0"; ;) {
    const { rows } = await client.query<Row>(ARTIFACTS, [after]);
    for (const { object_key: key, bytes, sha256 } of rows) {
      const content = contentKey(context.keys, sha256);
      const isMirrored = mirrors.some((contents) => contents.get(content) === sealedBytes(bytes));
      if (there.get(key) !== bytes && !isMirrored) missing += 1;
    }
    const last = rows.at(-1);
    if (!last || rows.length < PAGE) return missing;
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
