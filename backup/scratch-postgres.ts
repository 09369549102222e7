import type { ChildProcess } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Client } from "pg";
import { endOf, startChild } from "./children.ts";

const FOLDERS = ["/usr/lib/postgresql/15/bin", "/usr/lib/postgresql/16/bin", "/usr/lib/postgresql/17/bin"];

/** The port is a part of its socket's name alone: it listens to no network. */
export const SCRATCH_PORT = 5432;

/** How often a cluster is asked whether it answers, in milliseconds. */
const ASK_MS = 100;
/** Lines of its log that go into a message. */
const KEPT_LINES = 20;

/** Path of one of Postgres's own programs. */
export function postgresProgram(name: "postgres" | "pg_checksums" | "pg_controldata"): string {
  const found = FOLDERS.map((folder) => join(folder, name)).find((path) => existsSync(path));
  if (found === undefined)
    throw new Error(`${name} is not in ${FOLDERS.join(", ")}; install Postgres beside the agent`);
  return found;
}

/** A Postgres that nobody else can reach. */
export interface ScratchPostgres {
  readonly socketDirectory: string;
  /** A connection of its superuser. */
  connect(database: string): Promise<Client>;
  /** Ends it in order. */
  stop(): Promise<void>;
}

export interface ScratchOptions {
  readonly dataDirectory: string;
  /** Folder for its socket; only this user can enter it. */
  readonly scratch: string;
  readonly signal: AbortSignal;
  /** Told each line of its log. */
  readonly onLine: (line: string) => void;
}

/** It ended by itself. */
export class ScratchEnded extends Error {
  override readonly name = "ScratchEnded";
}

/**
 * Settings of the restored cluster while it is checked. Archiving is on without a command: what it writes waits in its own folder, and
 * goes into the repository when the cluster serves, so that the next restore finds it. With archiving off those segments, and the history
 * of the new timeline, would be lost.
 */
const SETTINGS = [
  "listen_addresses=",
  `port=${SCRATCH_PORT}`,
  "archive_mode=on",
  "archive_command=",
  // A standby's connections are not needed, and without them no limit has to be as large as it was on the primary.
  "hot_standby=off",
  "shared_buffers=64MB",
  "max_connections=50",
  "ssl=off",
  "logging_collector=off",
  "log_destination=stderr",
  "log_timezone=UTC",
  "lc_messages=C",
  "log_line_prefix=",
  // Statements are none of the log's business, and a killed check begins anew anyway.
  "log_min_error_statement=panic",
  "restart_after_crash=off",
];

/**
 * Starts Postgres on a folder and waits until it takes writes, which it does after recovery.
 *
 * @throws ScratchEnded where it ends before, with the end of its log
 */
export async function startScratchPostgres(options: ScratchOptions): Promise<ScratchPostgres> {
  const { dataDirectory, signal } = options;
  const folder = mkdtempSync(join(options.scratch, "pg-"));
  const hba = join(folder, "hba.conf");
  writeFileSync(hba, "local all all trust\n", { mode: 0o600 });
  const settings = [...SETTINGS, `unix_socket_directories=${folder}`, `hba_file=${hba}`];
  const args = ["-D", dataDirectory, ...settings.flatMap((setting) => ["-c", setting])];
  const child = startChild(postgresProgram("postgres"), args, { signal, deathSignal: "QUIT" });
  child.stdin?.end();
  const last = keepLog(child, options.onLine);
  const state = { hasEnded: false };
  const ended = endOf(child, new AbortController().signal).finally(() => {
    state.hasEnded = true;
    rmSync(folder, { recursive: true, force: true });
  });
  ended.catch(() => undefined);
  const stop = async () => {
    child.kill("SIGINT"); // Fast: whoever is connected is let go.
    await ended;
  };
  try {
    await untilAnswers(folder, state, last, signal);
  } catch (error) {
    await stop();
    throw error;
  }
  return { socketDirectory: folder, connect: (database) => connect(folder, database), stop };
}

/** Tells each line of its log, and keeps the last ones. */
function keepLog(child: ChildProcess, onLine: (line: string) => void): readonly string[] {
  const last: string[] = [];
  for (const stream of [child.stdout, child.stderr])
    if (stream)
      createInterface({ input: stream }).on("line", (line) => {
        last.push(line);
        if (last.length > KEPT_LINES) last.shift();
        onLine(line);
      });
  return last;
}

async function untilAnswers(
  folder: string,
  state: { readonly hasEnded: boolean },
  last: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  while (!(await accepts(folder))) {
    if (state.hasEnded) throw new ScratchEnded(`the restored Postgres ended: ${last.join("; ")}`);
    await sleep(ASK_MS, undefined, { signal });
  }
}

async function connect(host: string, database: string): Promise<Client> {
  const client = new Client({
    host,
    port: SCRATCH_PORT,
    user: "postgres",
    database,
    application_name: "slipway-restore",
  });
  client.on("error", () => undefined); // Its next statement fails anyway.
  await client.connect();
  return client;
}

async function accepts(folder: string): Promise<boolean> {
  if (!existsSync(join(folder, `.s.PGSQL.${SCRATCH_PORT}`))) return false;
  try {
    const client = await connect(folder, "postgres");
    await client.end();
    return true;
  } catch {
    return false;
  }
}
