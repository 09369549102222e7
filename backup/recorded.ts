import type { Client } from "pg";
import { reasonOf } from "../jobs/patience.ts";
import { connectLive, type Agent } from "./agent.ts";
import { drill } from "./drill.ts";
import { Busy } from "./lock.ts";
import { makeBackup } from "./make-backup.ts";
import type { BackupRecord, BackupType, DrillResult } from "./protocol.ts";
import { drillFault, lastDrill, recordBackup, recordDrill, type DrillRecord, type LastDrill } from "./records.ts";

/** A backup that stands in the database's own list too. */
export async function backUp(agent: Agent, type: BackupType): Promise<BackupRecord> {
  const made = await makeBackup(agent, agent.context, type);
  await note(agent, `the backup ${made.label}`, (client) => recordBackup(client, made));
  return made;
}

/** A drill whose times, or faults, stand in the database. */
export async function runDrill(agent: Agent): Promise<DrillResult> {
  const startedAt = new Date();
  try {
    const result = await drill(agent);
    await noteDrill(agent, { outcome: "succeeded", startedAt, endedAt: new Date(), result });
    return result;
  } catch (error) {
    // One that was told to end, or that somebody else makes, says nothing of the backups.
    if (!agent.signal.aborted && !(error instanceof Busy))
      await noteDrill(agent, { outcome: "failed", startedAt, endedAt: new Date(), faults: [reasonOf(error)] });
    throw error;
  }
}

/** What drills came to, as the database has it: the newest that went well, and why the newest of all did not. */
export interface KnownDrills {
  readonly drill: LastDrill | undefined;
  readonly drillFault: string | undefined;
}

export async function knownDrills(agent: Agent): Promise<KnownDrills> {
  const client = await connectLive(agent.config);
  try {
    return { drill: await lastDrill(client), drillFault: await drillFault(client) };
  } finally {
    await client.end();
  }
}

function noteDrill(agent: Agent, record: DrillRecord): Promise<void> {
  return note(agent, "the drill", (client) => recordDrill(client, record));
}

/** What was made is there, whether or not it can be noted: the list is for reports, the repository is the truth. */
async function note(agent: Agent, what: string, write: (client: Client) => Promise<void>): Promise<void> {
  try {
    const client = await connectLive(agent.config);
    try {
      await write(client);
    } finally {
      await client.end();
    }
  } catch (error) {
    agent.log.warn({ err: error }, `${what} could not be noted in the database`);
  }
}
