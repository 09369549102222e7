import { readdir, readFile, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import type { Client } from "pg";
import { z } from "zod";
import { writeAbsent } from "./absent-list.ts";
import type { Agent } from "./agent.ts";
import type { NamedContent } from "./artifact-manifest.ts";
import { syncFolder, writeDurably } from "./durable-file.ts";
import { takeLock } from "./lock.ts";
import { findAbsent } from "./missing-artifacts.ts";
import type { RestoreResult } from "./protocol.ts";
import { recover } from "./recover.ts";
import { checkPages, readContents } from "./restored-checks.ts";
import type { ScratchPostgres } from "./scratch-postgres.ts";
import { runSmokeJob } from "./smoke-job.ts";
import { findSource } from "./sources.ts";
import type { Route, Target } from "./targets.ts";

export interface RestoreOptions {
  readonly agent: Agent;
  readonly target: Target;
  /** Data directory that is made; it must not be there, or be empty. */
  readonly folder: string;
  /** Given a connection before anything is written. */
  readonly onContents?: (client: Client) => Promise<void>;
}

/**
 * Brings a folder to a moment, checks what is in it, and leaves it stopped. It is made beside and renamed when all is done, so whatever
 * kills this leaves no folder that looks whole; what an interrupted run fetched is taken up.
 *
 * @throws Error where the folder is in use, the target cannot be reached, or a check fails
 */
export async function restore(options: RestoreOptions): Promise<RestoreResult> {
  const { folder } = options;
  const lock = await takeLock(`${folder}.lock`, "restore");
  try {
    return (await readDone(options)) ?? (await restoreBeside(options));
  } finally {
    await lock.release();
  }
}

async function restoreBeside(options: RestoreOptions): Promise<RestoreResult> {
  const { folder } = options;
  await refuseUsed(folder);
  const beside = `${folder}.restoring`;
  const { result, absent } = await restoreInto({ ...options, folder: beside });
  await writeAbsent(folder, absent);
  await writeDurably(noteOf(folder), JSON.stringify({ target: textOf(options.target), result }));
  await rm(folder, { recursive: true, force: true }); // Empty, as was seen.
  await rename(beside, folder);
  await syncFolder(dirname(folder));
  return result;
}

/** What was restored, and which artifacts it names that are not in the store. */
export interface RestoredInto {
  readonly result: RestoreResult;
  readonly absent: readonly NamedContent[];
}

/** The same in the folder itself: for one that nobody will serve from. */
export async function restoreInto({ agent, target, folder, onContents }: RestoreOptions): Promise<RestoredInto> {
  const started = performance.now();
  const { source, route } = await findSource(agent, target);
  agent.log.info({ label: route.set.label, timeline: route.timeline, target }, "restores");
  const { postgres, reached } = await recover({ agent, source, target, route, folder });
  const recoverySeconds = secondsSince(started);
  let checked;
  try {
    checked = await checkContents(agent, postgres, onContents);
    await runSmokeJob(agent, postgres);
  } finally {
    await postgres.stop();
  }
  const totalSeconds = secondsSince(started);
  agent.progress({ step: "checksums" });
  await checkPages(agent, folder);
  const { absent, ...contents } = checked;
  const result = {
    label: route.set.label,
    target: momentOf(target, route, reached).toISOString(),
    ...(reached && { reached: reached.toISOString() }),
    ...contents,
    recoverySeconds,
    totalSeconds,
  };
  return { result, absent };
}

type Checked = Pick<RestoreResult, "migrationLevel" | "rows" | "missingArtifacts"> & Pick<RestoredInto, "absent">;

async function checkContents(
  agent: Agent,
  postgres: ScratchPostgres,
  onContents: RestoreOptions["onContents"],
): Promise<Checked> {
  agent.progress({ step: "contents" });
  const client = await postgres.connect(agent.config.DATABASE_NAME);
  try {
    const contents = await readContents(client);
    await onContents?.(client);
    const { artifacts, missing } = await findAbsent(agent.context, client);
    return { ...contents, missingArtifacts: missing, absent: artifacts };
  } finally {
    await client.end();
  }
}

/** Beside the folder: what it was restored to, so that one who was killed at the very end is told so, and not that it is in use. */
function noteOf(folder: string): string {
  return `${folder}.restored.json`;
}

const noteSchema = z.object({
  target: z.string(),
  result: z.object({
    label: z.string(),
    target: z.string(),
    reached: z.string().exactOptional(),
    migrationLevel: z.number(),
    rows: z.record(z.string(), z.number()),
    recoverySeconds: z.number(),
    totalSeconds: z.number(),
    missingArtifacts: z.number(),
  }),
});

/** The result of a run that was through but for its last words. */
async function readDone({ folder, target }: RestoreOptions): Promise<RestoreResult | undefined> {
  if ((await entriesOf(folder)).length === 0) return undefined;
  const text = await readFile(noteOf(folder), "utf8").catch(() => undefined);
  const note = text === undefined ? undefined : noteSchema.parse(JSON.parse(text));
  return note?.target === textOf(target) ? note.result : undefined;
}

async function refuseUsed(folder: string): Promise<void> {
  const entries = await entriesOf(folder);
  if (entries.length > 0)
    throw new Error(
      `restore: ${folder} holds ${entries.slice(0, 3).join(", ")}, must be empty or not there; restore into a new volume, the old one is kept`,
    );
}

async function entriesOf(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return [];
    throw error;
  }
}

/** The moment that a target stands for, as far as it has one of its own. */
export function momentOf(target: Target, route: Route, reached: Date | undefined): Date {
  switch (target.is) {
    case "time":
      return target.time;
    case "label":
      return route.set.endedAt;
    case "latest":
      return reached ?? route.set.endedAt;
  }
}

function textOf(target: Target): string {
  if (target.is === "latest") return "latest";
  return target.is === "label" ? target.label : target.text;
}

function secondsSince(started: number): number {
  return Math.round(performance.now() - started) / 1000;
}
