import { connectLive, type Agent } from "./agent.ts";
import { repositoriesOf, REPOSITORY_NAMES, type RepositoryNumber } from "./pgbackrest-config.ts";
import { onRepository } from "./pgbackrest.ts";
import type { BackupType } from "./protocol.ts";
import { readRepository, type RepositorySet } from "./repository-info.ts";

/** What was made in one repository. pgBackRest names a backup by its second, so each repository has a label of its own. */
export interface PostgresBackup {
  readonly repository: (typeof REPOSITORY_NAMES)[RepositoryNumber];
  readonly set: RepositorySet;
}

/**
 * Backs the cluster up into every repository, and takes out what is older than it has to be kept. Makes the stanza where there is none.
 *
 * @param type an incremental one becomes a full one where there is no full one yet
 * @returns one for each repository, the local one first
 * @throws PgbackrestFailed of the first repository that failed; the others were tried all the same
 */
export async function backUpPostgres(agent: Agent, type: BackupType): Promise<readonly PostgresBackup[]> {
  const databaseBytes = await sizeOfDatabases(agent);
  await agent.pgbackrest.run("stanza-create");
  const made: PostgresBackup[] = [];
  const failures: unknown[] = [];
  for (const repository of repositoriesOf(agent.config)) {
    try {
      made.push(await backUpInto(agent, type, repository, databaseBytes));
    } catch (error) {
      agent.signal.throwIfAborted();
      failures.push(error);
    }
  }
  if (failures.length > 0) throw failures[0];
  return made;
}

async function backUpInto(
  agent: Agent,
  type: BackupType,
  repository: RepositoryNumber,
  totalBytes: number,
): Promise<PostgresBackup> {
  const name = REPOSITORY_NAMES[repository];
  const step = repository === 1 ? "postgres" : `postgres ${name}`;
  agent.progress({ step, doneBytes: 0, totalBytes });
  await agent.pgbackrest.run("backup", [`--type=${type}`, onRepository(repository)], {
    onProgress: ({ share }) => {
      agent.progress({ step, doneBytes: Math.round(share * totalBytes), totalBytes });
    },
  });
  const { sets, fault } = await readRepository(agent.pgbackrest, repository);
  const set = sets.at(-1);
  if (!set) throw new Error(`backup: repository ${name} has none after one was made: ${fault ?? "it is empty"}`);
  return { repository: name, set };
}

async function sizeOfDatabases(agent: Agent): Promise<number> {
  const client = await connectLive(agent.config, "postgres");
  try {
    const { rows } = await client.query<{ bytes: number }>(
      "SELECT sum(pg_database_size(oid))::float8 AS bytes FROM pg_database",
    );
    return rows[0]?.bytes ?? 0;
  } finally {
    await client.end();
  }
}
