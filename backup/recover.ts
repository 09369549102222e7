import { existsSync } from "node:fs";
import { appendFile, mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Agent } from "./agent.ts";
import { onRepository } from "./pgbackrest.ts";
import { followRecovery, type Recovery } from "./recovery.ts";
import { ScratchEnded, startScratchPostgres, SCRATCH_PORT, type ScratchPostgres } from "./scratch-postgres.ts";
import type { Source } from "./sources.ts";
import type { Route, Target } from "./targets.ts";
import { segmentName } from "./wal-segments.ts";

/** Settings that a recovery writes; they are taken out when it is done. */
const RECOVERY_SETTINGS = [
  "restore_command",
  "recovery_target",
  "recovery_target_time",
  "recovery_target_timeline",
  "recovery_target_action",
];

/** A cluster that has been brought to a moment, and runs for nobody but us. */
export interface Recovered {
  readonly postgres: ScratchPostgres;
  readonly reached: Date | undefined;
}

export interface RecoverOptions {
  readonly agent: Agent;
  readonly source: Source;
  readonly target: Target;
  readonly route: Route;
  /** Folder that becomes the data directory; what is in it may be an interrupted restore. */
  readonly folder: string;
}

/**
 * Brings a folder to the target: files from the backup, WAL from the archive, then a Postgres that takes writes.
 *
 * @throws Error where the target cannot be reached, or WAL on the way is missing or damaged
 */
export async function recover(options: RecoverOptions): Promise<Recovered> {
  const { target, route, agent, folder } = options;
  await fetchFiles(options);
  const first = await startRecovery(options);
  if (first.is === "running") {
    if (target.is === "latest") await stopUnlessAllWasRead(options, first);
    return { postgres: first.postgres, reached: first.state.reached };
  }
  if (first.state.tooEarly)
    throw new Error(
      `restore: the backup ${route.set.label} ended after the target; choose an earlier backup or a later moment`,
    );
  if (!first.state.endedEarly || target.is !== "time") throw first.error;
  // The archive has no transaction after the target. That is the state at the target only where all of it was read and it covers the target.
  refuseUncovered(options, target, first.state);
  agent.log.info({ target }, "nothing was committed between the last transaction in the archive and the target");
  await appendFile(join(folder, "postgresql.auto.conf"), "recovery_target_time = ''\n");
  const second = await startRecovery(options);
  if (second.is === "ended") throw second.error;
  return { postgres: second.postgres, reached: second.state.reached ?? first.state.reached };
}

/** To Postgres, WAL that is missing or damaged is the end of the archive, and it serves what came before. Not to us. */
async function stopUnlessAllWasRead(options: RecoverOptions, { postgres, state }: Running): Promise<void> {
  const fault = unreadWal(options, state);
  if (fault === undefined) return;
  await postgres.stop();
  throw new Error(
    `restore: ${fault}; the newest moment before it is ${state.reached?.toISOString() ?? "the end of the backup"}: ` +
      `restore to that with --to, or begin from a later backup with --to LABEL`,
  );
}

function unreadWal({ source, route }: RecoverOptions, state: Recovery): string | undefined {
  const timeline = route.timeline ?? 1;
  const numbers = source.archive.segments.filter((segment) => segment.timeline === timeline);
  const newest = numbers.reduce((most, { number }) => Math.max(most, number), -1);
  const last = state.lastSegment;
  const isRead = newest < 0 || (last?.timeline === timeline && last.number >= newest);
  if (isRead && !state.isDamaged) return undefined;
  const stopped = last ? segmentName(last) : "the backup's own files";
  const until = newest < 0 ? "" : ` of ${segmentName({ timeline, number: newest })}`;
  return `WAL is missing or damaged: recovery came to ${stopped}${until}`;
}

function refuseUncovered(options: RecoverOptions, target: Extract<Target, { is: "time" }>, state: Recovery): void {
  const unread = unreadWal(options, state);
  if (unread !== undefined)
    throw new Error(`restore: ${unread}, before the target ${target.text}; choose an earlier one`);
  const covered = options.source.archive.newestAt;
  if (covered !== undefined && target.time <= covered) return;
  throw new Error(
    `restore: the archive reaches to ${state.reached?.toISOString() ?? "an unknown moment"}, and the target is ${target.text}; ` +
      `use --to latest for the newest state that there is`,
  );
}

/** Files of the backup. What an interrupted run left is taken up where it can be, else removed. */
async function fetchFiles({ agent, source, target, route, folder }: RecoverOptions): Promise<void> {
  const isResumable = existsSync(join(folder, "backup.manifest"));
  if (!isResumable) await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const { databaseBytes, label } = route.set;
  const pgbackrest = agent.pgbackrestFor({ dataDirectory: folder, socketDirectory: agent.scratch, port: SCRATCH_PORT });
  const args = [`--set=${label}`, "--delta", onRepository(source.repository), ...targetOptions(target, route)];
  agent.progress({ step: "postgres", doneBytes: 0, totalBytes: databaseBytes });
  await pgbackrest.run("restore", args, {
    onProgress: ({ share }) => {
      agent.progress({ step: "postgres", doneBytes: Math.round(share * databaseBytes), totalBytes: databaseBytes });
    },
  });
}

function targetOptions(target: Target, route: Route): string[] {
  const timeline = route.timeline === undefined ? [] : [`--target-timeline=${route.timeline}`];
  switch (target.is) {
    case "latest":
      return ["--type=default", ...timeline];
    case "time":
      return ["--type=time", `--target=${target.text}`, "--target-action=promote", ...timeline];
    case "label":
      // pgBackRest has no --target-timeline here, and Postgres' own default is the latest, which may not lead through this backup.
      return ["--type=immediate", "--target-action=promote", "--recovery-option=recovery_target_timeline=current"];
  }
}

interface Running {
  readonly is: "running";
  readonly postgres: ScratchPostgres;
  readonly state: Recovery;
}

type Started = Running | { readonly is: "ended"; readonly error: ScratchEnded; readonly state: Recovery };

async function startRecovery({ agent, folder }: RecoverOptions): Promise<Started> {
  const { scratch, signal, log } = agent;
  agent.progress({ step: "recovery" });
  const { state, onLine } = followRecovery((segments) => {
    agent.progress({ step: "recovery", doneBytes: segments * 16_777_216 });
  });
  try {
    const tell = (line: string) => {
      log.debug({ postgres: line }, "recovery");
      onLine(line);
    };
    const postgres = await startScratchPostgres({ dataDirectory: folder, scratch, signal, onLine: tell });
    await forgetRecovery(postgres);
    return { is: "running", postgres, state };
  } catch (error) {
    if (error instanceof ScratchEnded) return { is: "ended", error, state };
    throw error;
  }
}

/** The cluster must not look for this machine's files when it is started elsewhere. */
async function forgetRecovery(postgres: ScratchPostgres): Promise<void> {
  const client = await postgres.connect("postgres");
  try {
    for (const setting of RECOVERY_SETTINGS) await client.query(`ALTER SYSTEM RESET ${setting}`);
  } finally {
    await client.end();
  }
}
