import { connectLive, type Agent } from "./agent.ts";
import { readArchive } from "./archive-list.ts";
import { readArchiveState } from "./archive-state.ts";
import { escrowFault } from "./escrow.ts";
import { faultText, type Fault } from "./faults.ts";
import { readPaired } from "./make-backup.ts";
import { repositoriesWithSet, type PairedSet } from "./paired-sets.ts";
import { repositoriesOf, REPOSITORY_NAMES, type RepositoryNumber } from "./pgbackrest-config.ts";
import { askLive, gapFaults, gapsOf } from "./postgres-verify.ts";
import type { BackupRecord, ListResult } from "./protocol.ts";
import type { RepositorySet } from "./repository-info.ts";
import type { SetContext } from "./set-context.ts";
import { glanceAtSet } from "./set-verify.ts";
import { toRecord } from "./write-set.ts";
import type { Gap } from "./wal-segments.ts";

/** Every backup with what is seen of it without reading all of it, whether the key is kept elsewhere, and how far the archive is. */
export async function listBackups(agent: Agent, context: SetContext): Promise<ListResult> {
  const { paired, infos } = await readPaired(agent, context);
  const live = await askLive(agent);
  const gaps = new Map<RepositoryNumber, readonly Gap[]>();
  let reachesTo: Date | undefined;
  for (const info of infos.filter(({ fault }) => fault === undefined)) {
    const archive = await readArchive(agent.pgbackrest, info);
    gaps.set(info.repository, gapsOf(info, archive, live));
    if (archive.newestAt && (!reachesTo || archive.newestAt > reachesTo)) reachesTo = archive.newestAt;
  }
  const backups: BackupRecord[] = [];
  for (const set of paired) backups.push(await describe(agent, context, set, gaps));
  const behindSeconds = await behindOf(agent);
  return {
    backups,
    key: {
      id: context.keys.id,
      isEscrowed: (await escrowFault(context.repositories, context.keys)) === undefined,
    },
    archive: {
      ...(reachesTo && { reachesTo: reachesTo.toISOString() }),
      ...(behindSeconds !== undefined && { behindSeconds }),
    },
  };
}

async function describe(
  agent: Agent,
  context: SetContext,
  set: PairedSet,
  gaps: ReadonlyMap<RepositoryNumber, readonly Gap[]>,
): Promise<BackupRecord> {
  const { metadata, faults } = await glanceAtSet(context, set.label);
  const all = [...faults, ...missingCopies(agent, set)];
  for (const [number, copy] of set.copies)
    all.push(...gapFaults(REPOSITORY_NAMES[number], gaps.get(number) ?? [], copy));
  const texts = all.map(faultText);
  const [copy] = set.copies.values();
  return metadata
    ? toRecord(metadata, repositoriesWithSet(set), texts)
    : withoutMetadata(set.label, copy, repositoriesWithSet(set), texts);
}

/** Repositories that ought to have a backup and have not. */
export function missingCopies(agent: Agent, { label, copies }: PairedSet): Fault[] {
  return repositoriesOf(agent.config)
    .filter((repository) => !copies.has(repository))
    .map((repository) => ({
      kind: "missing" as const,
      where: `${REPOSITORY_NAMES[repository]}: ${label}`,
      reason: "this repository does not have its part of Postgres",
    }));
}

/** One that was interrupted, or whose metadata is gone: Postgres alone is known. */
function withoutMetadata(
  label: string,
  copy: RepositorySet | undefined,
  repositories: readonly string[],
  faults: readonly string[],
): BackupRecord {
  return {
    label,
    type: copy?.type ?? (label.includes("_") ? "incr" : "full"),
    startedAt: (copy?.startedAt ?? new Date(0)).toISOString(),
    endedAt: (copy?.endedAt ?? new Date(0)).toISOString(),
    databaseBytes: copy?.databaseBytes ?? 0,
    addedBytes: copy?.addedBytes ?? 0,
    artifacts: { count: 0, bytes: 0, addedBytes: 0 },
    redisBytes: 0,
    jobs: 0,
    keyId: "",
    migrationLevel: 0,
    repositories,
    faults,
  };
}

async function behindOf(agent: Agent): Promise<number | undefined> {
  try {
    const client = await connectLive(agent.config, "postgres");
    try {
      return (await readArchiveState(client)).behindSeconds;
    } finally {
      await client.end();
    }
  } catch {
    return undefined;
  }
}
