import { z } from "zod";
import type { ObjectStore } from "../jobs/object-store.ts";
import { BackupFault } from "./faults.ts";
import type { BackupKeys } from "./keys.ts";
import { getSigned, putSigned } from "./repository-files.ts";

/** What pgBackRest calls a backup: a full one, or one on top of a full one. */
export const LABEL = /^\d{8}-\d{6}F(_\d{8}-\d{6}[DI])?$/;

const count = z.number().int().nonnegative();
const time = z.iso.datetime();
const sealedFile = z.strictObject({ bytes: count, sha256: z.string() });

const schema = z.strictObject({
  label: z.string().regex(LABEL),
  type: z.enum(["full", "incr"]),
  startedAt: time,
  endedAt: time,
  databaseBytes: count,
  addedBytes: count,
  migrationLevel: count,
  jobs: z.strictObject({ total: count, byState: z.record(z.string(), count) }),
  release: z.strictObject({
    images: z.record(z.string(), z.string()),
    configuration: z.record(z.string(), z.unknown()),
  }),
  /** Ids of the keys that open it. */
  keyIds: z.strictObject({ backup: z.string() }),
  redis: z.strictObject({ bytes: count, file: sealedFile }),
  artifacts: z.strictObject({ count, bytes: count, addedBytes: count, manifest: sealedFile }),
});

/** What is known of one backup: which database, which release, which keys, and how its other files must look. */
export type SetMetadata = z.output<typeof schema>;

const METADATA = { format: "slipway-backup-set/1", schema } as const;

export const SET_FILES = { metadata: "metadata.json", redis: "redis.rdb.enc", artifacts: "artifacts.enc" } as const;
export type SetFile = keyof typeof SET_FILES;

const FOLDER = "sets";

/** Key of a file of a set. A key has neither capitals nor `_`: 20261129-023000F_20261130-023000I is 20261129-023000f.20261130-023000i. */
export function setKey(label: string, file: SetFile): string {
  if (!LABEL.test(label))
    throw new Error(
      `backup ${JSON.stringify(label)}: allowed are labels such as 20261129-023000F; slipway backups lists them`,
    );
  return `${FOLDER}/${label.toLowerCase().replace("_", ".")}/${SET_FILES[file]}`;
}

/** Puts what makes a set whole; every other file of it is there before. */
export async function putMetadata(store: ObjectStore, keys: BackupKeys, metadata: SetMetadata): Promise<void> {
  await putSigned(store, METADATA, keys, setKey(metadata.label, "metadata"), metadata);
}

/**
 * Reads the metadata of a set.
 *
 * @throws BackupFault saying whether it is missing, damaged, foreign, or of another key
 */
export async function readMetadata(store: ObjectStore, keys: BackupKeys, label: string): Promise<SetMetadata> {
  const key = setKey(label, "metadata");
  const metadata = await getSigned(store, METADATA, keys, key);
  if (metadata.label !== label) throw new BackupFault("foreign", key, `it speaks of the backup ${metadata.label}`);
  return metadata;
}

/** A folder of a set. */
export interface FoundSet {
  readonly label: string;
  /** Whether it was ever whole: its metadata is there. */
  readonly isFinished: boolean;
}

/** Sets of a repository, oldest first, and those that were begun. */
export async function listSets(store: ObjectStore): Promise<FoundSet[]> {
  const found = new Map<string, boolean>();
  for await (const { key } of store.list(FOLDER)) {
    const [, folder = "", file] = key.split("/");
    const label = folder.toUpperCase().replace(".", "_");
    // What is no set of ours is left alone.
    if (!LABEL.test(label)) continue;
    found.set(label, (found.get(label) ?? false) || file === SET_FILES.metadata);
  }
  return [...found].map(([label, isFinished]) => ({ label, isFinished })).sort((a, b) => (a.label < b.label ? -1 : 1));
}

/** Removes a set. Its metadata goes first: one that is half gone does not look whole. */
export async function removeSet(store: ObjectStore, label: string): Promise<void> {
  for (const file of ["metadata", "artifacts", "redis"] as const) await store.remove(setKey(label, file));
}
