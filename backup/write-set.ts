import { readFile } from "node:fs/promises";
import { parseRelease, type Release } from "../configs/backup-settings.ts";
import { LATEST_MANIFEST } from "./artifact-manifest.ts";
import { mirrorArtifacts, type Mirrored, type OnBytes } from "./artifact-mirror.ts";
import { copyAway } from "./offsite.ts";
import type { BackupRecord, BackupType } from "./protocol.ts";
import { putRedisSnapshot } from "./redis-snapshot.ts";
import { localStore, type SetContext } from "./set-context.ts";
import { listSets, putMetadata, readMetadata, setKey, type SetMetadata } from "./sets.ts";

/** What is known of a backup of Postgres, which the rest of the set is made for. */
export interface PostgresPart {
  /** pgBackRest's label. */
  readonly label: string;
  readonly type: BackupType;
  readonly startedAt: Date;
  readonly databaseBytes: number;
  readonly addedBytes: number;
  readonly migrationLevel: number;
  /** Jobs by state. */
  readonly jobs: Readonly<Record<string, number>>;
}

export interface WriteSetOptions {
  /** Told of each part: `redis`, `artifacts`, `offsite`. */
  readonly onStep?: (step: string, doneBytes?: number, totalBytes?: number) => void;
}

/**
 * Makes the rest of a backup: Redis, artifacts, metadata, then its copy in the second repository. The metadata comes last, and one that was
 * killed before is not whole; the same call again makes it so.
 */
export async function writeSet(
  context: SetContext,
  part: PostgresPart,
  { onStep }: WriteSetOptions = {},
): Promise<SetMetadata> {
  const { config, keys, signal } = context;
  const store = localStore(context);
  onStep?.("redis");
  const redis = await putRedisSnapshot(store, keys, part.label, config, signal);
  const artifacts = await mirrorInto(context, setKey(part.label, "artifacts"), (done, total) =>
    onStep?.("artifacts", done, total),
  );
  const metadata: SetMetadata = {
    ...part,
    startedAt: part.startedAt.toISOString(),
    endedAt: new Date().toISOString(),
    jobs: { total: Object.values(part.jobs).reduce((sum, count) => sum + count, 0), byState: { ...part.jobs } },
    release: copyOf(await releaseOf(config)),
    keyIds: { backup: keys.id },
    redis,
    artifacts,
  };
  signal.throwIfAborted();
  await putMetadata(store, keys, metadata);
  if (context.repositories.length > 1) {
    onStep?.("offsite");
    await copyAway(context, (done, total) => onStep?.("offsite", done, total));
  }
  return metadata;
}

function copyOf({ images, configuration }: Release): SetMetadata["release"] {
  return { images: { ...images }, configuration: { ...configuration } };
}

/**
 * What runs at this moment.
 *
 * @throws Error where the file that says so cannot be read
 */
async function releaseOf(config: SetContext["config"]): Promise<Release> {
  const { BACKUP_RELEASE: fixed, BACKUP_RELEASE_FILE: path } = config;
  if (path === undefined) return fixed;
  const release = parseRelease(await readFile(path, "utf8").catch(() => ""));
  if (release) return release;
  throw new Error(
    `${path} does not say what runs, must be {"images": {name: digest}, "configuration": {...}}; deploy again`,
  );
}

/** Brings artifacts into the local repository, between backups too: what is made now is there within minutes. */
export async function mirrorNow(context: SetContext, onBytes?: OnBytes): Promise<Mirrored> {
  const mirrored = await mirrorInto(context, LATEST_MANIFEST, onBytes);
  if (context.repositories.length > 1) await copyAway(context);
  return mirrored;
}

async function mirrorInto(context: SetContext, manifest: string, onBytes?: OnBytes): Promise<Mirrored> {
  const { artifacts: source, keys, signal } = context;
  const store = localStore(context);
  const known = await lastManifest(context);
  return mirrorArtifacts({ source, store, keys, known, signal, ...(onBytes && { onBytes }) }, manifest);
}

async function lastManifest(context: SetContext): Promise<string | undefined> {
  const store = localStore(context);
  const latest = await store.read(LATEST_MANIFEST);
  latest?.stream.destroy();
  if (latest) return LATEST_MANIFEST;
  const last = (await listSets(store)).filter(({ isFinished }) => isFinished).at(-1);
  return last && setKey(last.label, "artifacts");
}

/** A set as the agent's answers have it. */
export async function describeSet(
  context: SetContext,
  label: string,
  faults: readonly string[],
): Promise<BackupRecord> {
  const metadata = await readMetadata(localStore(context), context.keys, label);
  const repositories = await repositoriesWith(context, label);
  return toRecord(metadata, repositories, faults);
}

/** Names of the repositories in which a set is whole, as far as its metadata says. */
export async function repositoriesWith({ repositories }: SetContext, label: string): Promise<string[]> {
  const having: string[] = [];
  for (const { name, store } of repositories) {
    const found = await store.read(setKey(label, "metadata")).catch(() => undefined);
    found?.stream.destroy();
    if (found) having.push(name);
  }
  return having;
}

export function toRecord(
  metadata: SetMetadata,
  repositories: readonly string[],
  faults: readonly string[],
): BackupRecord {
  const { label, type, startedAt, endedAt, databaseBytes, addedBytes, migrationLevel } = metadata;
  const { count, bytes, addedBytes: addedArtifacts } = metadata.artifacts;
  return {
    ...{ label, type, startedAt, endedAt, databaseBytes, addedBytes, migrationLevel },
    artifacts: { count, bytes, addedBytes: addedArtifacts },
    redisBytes: metadata.redis.bytes,
    jobs: metadata.jobs.total,
    keyId: metadata.keyIds.backup,
    repositories,
    faults,
  };
}
