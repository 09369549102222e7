import type { Agent } from "./agent.ts";
import { faultText } from "./faults.ts";
import { keepSets } from "./keep-sets.ts";
import { Busy, takeLock } from "./lock.ts";
import { mirrorLock } from "./mirror-lock.ts";
import { pairSets, type PairedSet } from "./paired-sets.ts";
import { repositoriesOf, REPOSITORY_NAMES, type RepositoryNumber } from "./pgbackrest-config.ts";
import { backUpPostgres, readNotes, takeNotes, type DatabaseNotes } from "./postgres-backup.ts";
import type { BackupRecord, BackupType } from "./protocol.ts";
import { readRepository, type RepositoryInfo, type RepositorySet } from "./repository-info.ts";
import { localStore, type SetContext } from "./set-context.ts";
import { glanceAtSet } from "./set-verify.ts";
import { listSets } from "./sets.ts";
import { makeStanza } from "./stanza.ts";
import { toRecord, writeSet } from "./write-set.ts";

/** One that was interrupted not longer ago than this is finished in the place of a new one, in milliseconds: an hour. */
const FRESH_MS = 60 * 60 * 1000;

/**
 * Makes a whole backup: Postgres in every repository, then Redis, artifacts and metadata. What an interrupted one left is finished first;
 * where that was just now, it is the backup.
 *
 * @throws Busy where another one runs
 */
export async function makeBackup(agent: Agent, context: SetContext, type: BackupType): Promise<BackupRecord> {
  const lock = await takeLock(`${agent.config.BACKUP_REPOSITORY_DIR}/backup.lock`, "backup");
  try {
    const notes = await takeNotes(agent);
    await makeStanza(agent);
    const finished = await finishInterrupted(agent, context);
    const set = finished && isEnough(finished, type) ? finished : await makeNew(agent, context, type, notes);
    await removeOld(agent, context);
    return await recordOf(context, set.label);
  } finally {
    await lock.release();
  }
}

function isEnough(set: RepositorySet, type: BackupType): boolean {
  return (type === "incr" || set.type === "full") && Date.now() - set.startedAt.getTime() < FRESH_MS;
}

async function makeNew(
  agent: Agent,
  context: SetContext,
  type: BackupType,
  notes: DatabaseNotes,
): Promise<RepositorySet> {
  const set = await backUpPostgres(agent, type, 1, notes);
  const failure = await copyOffsite(agent, type, notes);
  await writeRest(agent, context, set, notes);
  // The local backup is whole all the same, and says so; that the copy failed is said too.
  if (failure) throw failure;
  return set;
}

async function copyOffsite(agent: Agent, type: BackupType, notes: DatabaseNotes): Promise<Error | undefined> {
  for (const repository of repositoriesOf(agent.config)) {
    if (repository === 1) continue;
    try {
      await backUpPostgres(agent, type, repository, notes);
    } catch (error) {
      agent.signal.throwIfAborted();
      return error instanceof Error ? error : new Error(String(error));
    }
  }
  return undefined;
}

async function writeRest(
  agent: Agent,
  context: SetContext,
  set: RepositorySet,
  { migrationLevel, jobs }: DatabaseNotes,
): Promise<void> {
  const { label, type, startedAt, databaseBytes, addedBytes } = set;
  await writeSet(
    context,
    { label, type, startedAt, databaseBytes, addedBytes, migrationLevel, jobs },
    {
      onStep: (step, doneBytes, totalBytes) => {
        agent.progress({
          step,
          ...(doneBytes !== undefined && { doneBytes }),
          ...(totalBytes !== undefined && { totalBytes }),
        });
      },
    },
  );
}

/** Gives the newest one that had to be finished. */
async function finishInterrupted(agent: Agent, context: SetContext): Promise<RepositorySet | undefined> {
  const { paired, infos } = await readPaired(agent, context);
  const whole = new Set(
    (await listSets(localStore(context))).filter((set) => set.isFinished).map(({ label }) => label),
  );
  const local = infos.find(({ repository }) => repository === 1)?.sets ?? [];
  let newest: RepositorySet | undefined;
  for (const set of local) {
    const notes = readNotes(set);
    if (whole.has(set.label) || !notes) continue;
    agent.log.info({ label: set.label }, "finishes a backup that was interrupted");
    const isNewest = set.label === local.at(-1)?.label;
    const copies = paired.find(({ label }) => label === set.label)?.copies;
    if (isNewest && copies && copies.size < repositoriesOf(agent.config).length) {
      const failure = await copyOffsite(agent, set.type, notes);
      if (failure) throw failure;
    }
    await writeRest(agent, context, set, notes);
    if (isNewest) newest = set;
  }
  return newest;
}

/**
 * pgBackRest has removed what is too old; what was made for it goes too. Not while the mirror runs: what it has just brought no manifest names
 * yet, and the next backup removes as well.
 */
async function removeOld(agent: Agent, context: SetContext): Promise<void> {
  let lock;
  try {
    lock = await takeLock(mirrorLock(agent.config), "mirror");
  } catch (error) {
    if (!(error instanceof Busy)) throw error;
    agent.log.info("the mirror runs; what is too old is removed after the next backup");
    return;
  }
  try {
    await removeUnkept(agent, context);
  } finally {
    await lock.release();
  }
}

async function removeUnkept(agent: Agent, context: SetContext): Promise<void> {
  const { paired } = await readPaired(agent, context);
  for (const [repository, name] of Object.entries(REPOSITORY_NAMES)) {
    const store = context.repositories.find((candidate) => candidate.name === name)?.store;
    const has = ({ copies }: PairedSet) => [...copies.keys()].some((number) => String(number) === repository);
    const kept = paired.filter(has).map(({ label }) => label);
    // A repository that cannot be read has none, and then nothing must go.
    if (store && kept.length > 0) await keepSets(store, context.keys, kept);
  }
}

/** Backups of all repositories; those too whose local part is lost. */
export async function readPaired(
  agent: Agent,
  context: SetContext,
): Promise<{ readonly paired: readonly PairedSet[]; readonly infos: readonly RepositoryInfo[] }> {
  const infos: RepositoryInfo[] = [];
  for (const repository of repositoriesOf(agent.config)) infos.push(await infoOrFault(agent, repository));
  const known: string[] = [];
  for (const { store } of context.repositories)
    known.push(...(await listSets(store).catch(() => [])).filter((set) => set.isFinished).map(({ label }) => label));
  return { paired: pairSets(infos, known), infos };
}

async function infoOrFault(agent: Agent, repository: RepositoryNumber): Promise<RepositoryInfo> {
  try {
    return await readRepository(agent.pgbackrest, repository);
  } catch (error) {
    agent.signal.throwIfAborted();
    const said = error instanceof Error ? error.message : String(error);
    const fault = `repository ${REPOSITORY_NAMES[repository]}: ${said}`;
    return { repository, sets: [], archiveIds: [], systemId: undefined, fault };
  }
}

async function recordOf(context: SetContext, label: string): Promise<BackupRecord> {
  const { metadata, faults } = await glanceAtSet(context, label);
  if (!metadata) throw new Error(`backup ${label}: ${faults.map(faultText).join("; ")}`);
  return toRecord(
    metadata,
    context.repositories.map(({ name }) => name),
    faults.map(faultText),
  );
}
