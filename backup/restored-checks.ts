import type { Client } from "pg";
import { SCHEMA_LEVEL_QUERY } from "../jobs/migrate-run.ts";
import type { Agent } from "./agent.ts";
import { runChild } from "./children.ts";
import { postgresProgram } from "./scratch-postgres.ts";

/** What stands in a restored database. */
export interface Contents {
  readonly migrationLevel: number;
  /** Rows by table. */
  readonly rows: Readonly<Record<string, number>>;
}

const TABLES = `SELECT format('%I', tablename) AS name FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename`;

/** Reads the level and counts every row: a page that cannot be read is an error here. */
export async function readContents(client: Client): Promise<Contents> {
  const { rows: levels } = await client.query<{ level: number }>(SCHEMA_LEVEL_QUERY.text);
  const level = levels[0]?.level ?? 0;
  if (level === 0)
    throw new Error("restore: the database has no migrations applied, must be one of Slipway's; choose another backup");
  const { rows: tables } = await client.query<{ name: string }>(TABLES);
  const rows: Record<string, number> = {};
  for (const { name } of tables) {
    const { rows: counts } = await client.query<{ count: number }>(
      `SELECT count(*)::float8 AS count FROM public.${name}`,
    );
    rows[name] = counts[0]?.count ?? 0;
  }
  return { migrationLevel: level, rows };
}

/**
 * Reads every page of a stopped cluster and compares its checksum.
 *
 * @throws Error naming what is damaged
 */
export async function checkPages(agent: Agent, folder: string): Promise<void> {
  const { signal } = agent;
  const control = await runChild(postgresProgram("pg_controldata"), ["-D", folder], { signal });
  if (/^Data page checksum version:\s+0$/m.test(control.output)) {
    agent.log.warn("the cluster has no page checksums; its pages were read but not compared");
    return;
  }
  const { code, errors } = await runChild(postgresProgram("pg_checksums"), ["--check", "-D", folder], { signal });
  if (code !== 0)
    throw new Error(
      `restore: pages of the restored database are damaged: ${errors}; choose another backup with --to LABEL`,
    );
}
