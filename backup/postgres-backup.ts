import { z } from "zod";
import { SCHEMA_LEVEL_QUERY } from "../jobs/migrate-run.ts";
import { connectLive, type Agent } from "./agent.ts";
import { REPOSITORY_NAMES, type RepositoryNumber } from "./pgbackrest-config.ts";
import { onRepository } from "./pgbackrest.ts";
import type { BackupType } from "./protocol.ts";
import { readRepository, type RepositorySet } from "./repository-info.ts";

/** What stands in the database before a backup begins: noted with it, so that one that was interrupted can be finished later. */
export interface DatabaseNotes {
  readonly migrationLevel: number;
  /** Jobs by state. */
  readonly jobs: Readonly<Record<string, number>>;
  readonly databaseBytes: number;
}

const notesSchema = z.object({ level: z.coerce.number(), jobs: z.string() });
const jobsSchema = z.record(z.string(), z.number());

/** Reads what is noted with a backup. */
export async function takeNotes(agent: Agent): Promise<DatabaseNotes> {
  const client = await connectLive(agent.config);
  try {
    const { rows: levels } = await client.query<{ level: number }>(SCHEMA_LEVEL_QUERY.text);
    const { rows: jobs } = await client.query<{ state: string; count: number }>(
      "SELECT state, count(*)::float8 AS count FROM jobs GROUP BY state",
    );
    const { rows: sizes } = await client.query<{ bytes: number }>(
      "SELECT sum(pg_database_size(oid))::float8 AS bytes FROM pg_database",
    );
    return {
      migrationLevel: levels[0]?.level ?? 0,
      jobs: Object.fromEntries(jobs.map(({ state, count }) => [state, count])),
      databaseBytes: sizes[0]?.bytes ?? 0,
    };
  } finally {
    await client.end();
  }
}

/** What was noted with a backup; none where it is not of ours. */
export function readNotes(set: RepositorySet): DatabaseNotes | undefined {
  const notes = notesSchema.safeParse(set.notes);
  if (!notes.success) return undefined;
  const jobs = jobsSchema.parse(JSON.parse(notes.data.jobs));
  return { migrationLevel: notes.data.level, jobs, databaseBytes: set.databaseBytes };
}

/**
 * Backs the cluster up into one repository, and takes out of it what is older than it has to be kept.
 *
 * @param type an incremental one becomes a full one where there is no full one yet
 */
export async function backUpPostgres(
  agent: Agent,
  type: BackupType,
  repository: RepositoryNumber,
  notes: DatabaseNotes,
): Promise<RepositorySet> {
  const name = REPOSITORY_NAMES[repository];
  const step = repository === 1 ? "postgres" : `postgres ${name}`;
  const totalBytes = notes.databaseBytes;
  agent.progress({ step, doneBytes: 0, totalBytes });
  const noted = [`--annotation=level=${notes.migrationLevel}`, `--annotation=jobs=${JSON.stringify(notes.jobs)}`];
  await agent.pgbackrest.run("backup", [`--type=${type}`, onRepository(repository), ...noted], {
    onProgress: ({ share }) => {
      agent.progress({ step, doneBytes: Math.round(share * totalBytes), totalBytes });
    },
  });
  const { sets, fault } = await readRepository(agent.pgbackrest, repository);
  const set = sets.at(-1);
  if (!set) throw new Error(`backup: repository ${name} has none after one was made: ${fault ?? "it is empty"}`);
  return set;
}
