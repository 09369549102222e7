import type { Client } from "pg";
import { connectLive, type Agent } from "./agent.ts";
import type { RestorePlan } from "./protocol.ts";
import { findSource, type Source } from "./sources.ts";
import type { Target } from "./targets.ts";

/**
 * Jobs that were made after the target are gone after a restore. Those that ended after it, and were there before, run again.
 */
const LOSSES = {
  lost: "SELECT count(*)::float8 AS count FROM jobs WHERE created_at > $1",
  again: "SELECT count(*)::float8 AS count FROM jobs WHERE created_at <= $1 AND finished_at > $1",
} as const;

/**
 * What a restore would reach, and what of today would be gone. Changes nothing.
 *
 * @throws Error where the target cannot be reached
 */
export async function planRestore(agent: Agent, target: Target): Promise<RestorePlan> {
  const now = new Date();
  if (target.is === "time" && target.time > now)
    throw new Error(
      `plan: the target ${target.text} is in the future, must be a moment that has passed; use --to latest`,
    );
  const { source, route } = await findSource(agent, target);
  const moment =
    target.is === "time"
      ? target.time
      : target.is === "label"
        ? route.set.endedAt
        : (newestOf(source) ?? route.set.endedAt);
  const client = await connectLive(agent.config);
  try {
    return {
      label: route.set.label,
      target: moment.toISOString(),
      lostSeconds: Math.max(0, Math.round((now.getTime() - moment.getTime()) / 1000)),
      jobsLost: await countJobs(client, LOSSES.lost, moment),
      jobsAgain: await countJobs(client, LOSSES.again, moment),
      databaseBytes: route.set.databaseBytes,
    };
  } finally {
    await client.end();
  }
}

/** All that was committed before its newest segment came is in the archive, but for the moments that took. */
function newestOf({ archive }: Source): Date | undefined {
  return archive.newestAt;
}

async function countJobs(client: Client, statement: string, moment: Date): Promise<number> {
  const { rows } = await client.query<{ count: number }>(statement, [moment]);
  return rows[0]?.count ?? 0;
}
