import type { Client } from "pg";
import type { RestorePlan } from "./protocol.ts";

/**
 * Jobs that were made after the moment of a restore are gone after it. Those that ended after it, and were there before, run again.
 */
const LOSSES = {
  lost: "SELECT count(*)::float8 AS count FROM jobs WHERE created_at > $1",
  again: "SELECT count(*)::float8 AS count FROM jobs WHERE created_at <= $1 AND finished_at > $1",
} as const;

export type Losses = Pick<RestorePlan, "jobsLost" | "jobsAgain">;

/** Counts them in the database that serves. */
export async function countLosses(client: Client, moment: Date): Promise<Losses> {
  return {
    jobsLost: await countJobs(client, LOSSES.lost, moment),
    jobsAgain: await countJobs(client, LOSSES.again, moment),
  };
}

async function countJobs(client: Client, statement: string, moment: Date): Promise<number> {
  const { rows } = await client.query<{ count: number }>(statement, [moment]);
  return rows[0]?.count ?? 0;
}
