import { mkdir, rm, statfs } from "node:fs/promises";
import { join } from "node:path";
import { connectLive, type Agent } from "./agent.ts";
import { readArchiveState } from "./archive-state.ts";
import { takeLock } from "./lock.ts";
import { newestIn } from "./newest-commit.ts";
import type { DrillResult } from "./protocol.ts";
import { restoreInto } from "./restore.ts";
import { findSource } from "./sources.ts";

/** Room that a drill needs beside the size of the database, for WAL and what Postgres writes. */
const SPARE_BYTES = 512 * 1024 * 1024;

/** What the cluster that serves had when the drill began. */
interface Before {
  readonly newest: Date | undefined;
  readonly behindSeconds: number;
}

/**
 * Restores the newest state into a folder of its own, checks and measures it, and removes it.
 *
 * @throws Error where the restore fails, or there is no room for it; Busy where another drill runs
 */
export async function drill(agent: Agent): Promise<DrillResult> {
  const { BACKUP_REPOSITORY_DIR, BACKUP_DRILL_DIR: place = BACKUP_REPOSITORY_DIR } = agent.config;
  const above = join(place, "drill");
  const lock = await takeLock(join(place, "drill.lock"), "drill");
  try {
    await rm(above, { recursive: true, force: true }); // Of one that was killed.
    const { route } = await findSource(agent, { is: "latest" });
    await mkdir(above, { recursive: true, mode: 0o700 });
    await refuseWithoutRoom(above, route.set.databaseBytes);
    const began = new Date();
    const before = await askBefore(agent);
    let newest: Date | undefined;
    const { result } = await restoreInto({
      ...{ agent, target: { is: "latest" }, folder: join(above, "data") },
      onContents: async (client) => {
        newest = await newestIn(client);
      },
    });
    return { ...result, rtoSeconds: result.totalSeconds, rpoSeconds: lossOf(before, newest, result.reached, began) };
  } finally {
    await rm(above, { recursive: true, force: true });
    await lock.release();
  }
}

async function refuseWithoutRoom(folder: string, databaseBytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(folder);
  const [free, wanted] = [bavail * bsize, databaseBytes + SPARE_BYTES];
  if (free < wanted)
    throw new Error(
      `drill: ${folder} has room for ${free} bytes, must have ${wanted}; make room on that volume, or name another by BACKUP_DRILL_DIR`,
    );
}

async function askBefore(agent: Agent): Promise<Before | undefined> {
  try {
    const client = await connectLive(agent.config);
    try {
      return { newest: await newestIn(client), behindSeconds: (await readArchiveState(client)).behindSeconds };
    } finally {
      await client.end();
    }
  } catch {
    return undefined;
  }
}

/** Seconds of commits that were in the cluster when the drill began, and are not in what was restored. */
function lossOf(
  before: Before | undefined,
  newest: Date | undefined,
  reached: string | undefined,
  began: Date,
): number {
  if (!before) return seconds(began.getTime() - (reached === undefined ? 0 : Date.parse(reached)));
  const lost = before.newest && newest ? before.newest.getTime() - newest.getTime() : 0;
  return Math.max(seconds(lost), before.behindSeconds);
}

function seconds(milliseconds: number): number {
  return Math.max(0, milliseconds) / 1000;
}
