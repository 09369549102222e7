import { chmodSync, cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import type { Client } from "pg";
import { renderPgbackrest, STANZA, writePgbackrest } from "../../backup/pgbackrest-config.ts";
import { loadRuntime } from "../../configs/runtime.ts";
import { bundleOptions, writeBundleFiles } from "../../infra/images/bundle-options.ts";
import { startRedis } from "../servers/redis.ts";
import { migrateDatabase } from "../servers/stack.ts";
import {
  asNobody,
  findProgram,
  freePort,
  runProgram,
  startProgram,
  until,
  type RunningProgram,
} from "../servers/programs.ts";
import { fastFolder } from "./fast-folder.ts";
import { accepts, connectTo, DATABASE, openCluster, type OpenCluster } from "./open-cluster.ts";

const ROOT = join(dirname(fileURLToPath(import.meta.url)), "..", "..");
const NOBODY = 65_534;
const REDIS_PASSWORD = "redis-secret";
/** A snapshot does not wait for replicas: there are none. */
const REDIS_SETTINGS = ["--repl-diskless-sync-delay", "0"];
const KEY = "tests-of-backups-0123456789abcdef0123456789";

/** How a command of the agent ended. */
export interface Answered {
  readonly code: number | undefined;
  /** Its last line: the result or the failure. */
  readonly last: { readonly event: string; readonly result?: unknown; readonly message?: string };
  readonly events: readonly Answered["last"][];
  readonly log: string;
}

/** A Postgres that archives, and the agent beside it, both as the same user. */
export interface BackupWorld {
  readonly folder: string;
  readonly repository: string;
  /** Data directory of the cluster that serves. */
  readonly data: string;
  readonly env: Readonly<Record<string, string>>;
  /** Runs a command of the agent to its end. */
  agent(args: readonly string[], env?: Readonly<Record<string, string>>): Promise<Answered>;
  /** Exports the key and verifies it, without which no backup is good. */
  escrow(): Promise<void>;
  /** Starts one, to be killed. */
  startAgent(args: readonly string[], env?: Readonly<Record<string, string>>): RunningProgram;
  /** Makes an empty cluster. */
  initialise(data: string): void;
  /** Starts a cluster on a data directory in the place of the one that serves. */
  serve(data: string): Promise<void>;
  /** Starts a cluster on a data directory beside the one that serves, on its own port, and gives a connection; it archives nothing. */
  open(data: string): Promise<OpenCluster>;
  stopServing(signal?: NodeJS.Signals): Promise<void>;
  /** A connection of the superuser to the cluster that serves. */
  connect(): Promise<Client>;
  close(): Promise<void>;
}

export interface WorldOptions {
  /** Folder that the repository lies in. @default one of its own */
  readonly repository?: string;
  /** A second repository, in a folder beside. @default false */
  readonly hasOffsite?: boolean;
  /** What the second one begins with: a folder to copy. @default nothing */
  readonly offsiteFrom?: string;
  readonly settings?: readonly string[];
  /** More secrets of the agent, by file name. */
  readonly secrets?: Readonly<Record<string, string>>;
  readonly env?: Readonly<Record<string, string>>;
}

/** Starts everything, with a migrated database and an empty repository. */
export async function startWorld(options: WorldOptions = {}): Promise<BackupWorld> {
  const { settings = [] } = options;
  const folder = mkdtempSync(join(fastFolder(), "slipway-back-"));
  const repository = options.repository ?? join(folder, "repository");
  const data = join(folder, "first", "data");
  makeFolders(folder, [repository, dirname(data)], options.offsiteFrom);
  writeSecrets(join(folder, "secrets"), options.secrets);
  const program = await bundleAgent(folder);
  const port = await freePort();
  const redis = await startRedis(REDIS_PASSWORD, REDIS_SETTINGS);
  const own = environment(folder, repository, port, data, options.hasOffsite);
  const env = { ...own, REDIS_PORT: String(redis.port), ...options.env };
  for (const path of [folder, repository]) giveAway(path);
  initialise(data);
  const cluster = createCluster(folder, env, settings);
  await cluster.serve(data);
  await prepareDatabase(await cluster.connectTo("postgres"), env);
  const command = (args: readonly string[]) => [...asNobody(), join(folder, "node"), program, ...args];
  const startAgent: BackupWorld["startAgent"] = (args, more = {}) =>
    startProgram(command(args), { env: { PATH: process.env["PATH"], ...env, ...more } });
  return {
    ...{ folder, repository, data, env, startAgent },
    agent: async (args, more) => answered(startAgent(args, more)),
    escrow: () => escrowKey(folder, env, command),
    connect: () => cluster.connectTo(DATABASE),
    initialise: (next) => {
      giveAway(dirname(next));
      initialise(next);
    },
    serve: (next) => cluster.serve(next),
    open: (next) => openCluster(next),
    stopServing: (signal) => cluster.stop(signal),
    close: async () => {
      await cluster.stop();
      await redis.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function makeFolders(folder: string, more: readonly string[], offsiteFrom: string | undefined): void {
  const beside = ["socket", "objects", "secrets", "offsite"].map((name) => join(folder, name));
  for (const path of [...more, ...beside]) mkdirSync(path, { recursive: true });
  if (offsiteFrom !== undefined)
    cpSync(offsiteFrom, join(folder, "offsite"), { recursive: true, preserveTimestamps: true });
}

async function escrowKey(
  folder: string,
  env: Readonly<Record<string, string>>,
  command: (args: readonly string[]) => string[],
): Promise<void> {
  const input = join(folder, "escrow.json");
  const run = async (step: string, content: object) => {
    writeFileSync(input, JSON.stringify(content));
    const shell = ["sh", "-c", 'exec "$@" < "$0"', input, ...command(["escrow", step])];
    const { code, last, log } = await answered(startProgram(shell, { env: { PATH: process.env["PATH"], ...env } }));
    if (code !== 0) throw new Error(`escrow ${step}: ${log}`);
    return last.result as { readonly sealed?: string };
  };
  const passphrase = "five random words of a test";
  const { sealed } = await run("export", { passphrase });
  await run("verify", { passphrase, sealed });
}

interface Cluster {
  serve(data: string): Promise<void>;
  connectTo(database: string): Promise<Client>;
  stop(signal?: NodeJS.Signals): Promise<void>;
}

/** The cluster that serves: one data directory, later another one. */
function createCluster(folder: string, env: Readonly<Record<string, string>>, settings: readonly string[]): Cluster {
  const port = Number(env["DATABASE_PORT"]);
  let server: RunningProgram | undefined;
  return {
    serve: async (data) => {
      writeArchiveConfig(folder, data, env);
      server = await startCluster(folder, data, port, settings);
    },
    connectTo: (database) => connectTo(join(folder, "socket"), port, database),
    stop: async (signal = "SIGINT") => {
      await server?.stop(signal);
    },
  };
}

function initialise(data: string): void {
  const options = ["-U", "postgres", "-A", "trust", "-E", "UTF8", "--data-checksums", "--no-sync"];
  runProgram([...asNobody(), findProgram("initdb"), "-D", data, ...options]);
}

async function answered(started: RunningProgram): Promise<Answered> {
  const code = await started.ended;
  const events = started
    .output()
    .split("\n")
    .filter((line) => line.startsWith('{"event"'))
    .map((line) => JSON.parse(line) as Answered["last"]);
  const last = events.at(-1) ?? { event: "nothing" };
  return { code, last, events, log: started.output() };
}

/** The program as the image holds it, and a Node that the other user may run: a checkout may lie where only its owner looks. */
async function bundleAgent(folder: string): Promise<string> {
  const outdir = join(folder, "app");
  await build({ ...bundleOptions(ROOT), entryPoints: { backup: "backup/main.ts" }, outdir });
  await writeBundleFiles(ROOT, ["backup"], outdir);
  cpSync(process.execPath, join(folder, "node"), { dereference: true });
  chmodSync(join(folder, "node"), 0o755);
  return join(outdir, "backup.mjs");
}

function writeSecrets(folder: string, more: WorldOptions["secrets"]): void {
  const own = { "backup-key": KEY, "database-password": "unused-by-trust", "redis-password": REDIS_PASSWORD };
  const secrets = { ...own, ...more };
  for (const [name, secret] of Object.entries(secrets)) writeFileSync(join(folder, name), `${secret}\n`);
}

function environment(folder: string, repository: string, port: number, data: string, hasOffsite = false) {
  const offsite = hasOffsite ? { BACKUP_OFFSITE_URL: `file://${join(folder, "offsite")}` } : {};
  return {
    ...offsite,
    APP_ENV: "test",
    LOG_LEVEL: "debug",
    TMPDIR: folder,
    SECRETS_DIR: join(folder, "secrets"),
    DATABASE_HOST: "127.0.0.1",
    DATABASE_PORT: String(port),
    DATABASE_NAME: DATABASE,
    DATABASE_USER: "slipway_app",
    REDIS_HOST: "127.0.0.1",
    OBJECTS_URL: `file://${join(folder, "objects")}`,
    POSTGRES_DATA_DIR: data,
    POSTGRES_SOCKET_DIR: join(folder, "socket"),
    BACKUP_REPOSITORY_DIR: repository,
  };
}

/** Everything in it becomes that user's, who runs Postgres and the agent. */
function giveAway(folder: string): void {
  if (process.getuid?.() === 0) runProgram(["chown", "-R", `${NOBODY}:${NOBODY}`, folder]);
}

/** What archive-push reads; a restored cluster lies elsewhere. */
function writeArchiveConfig(folder: string, data: string, env: Readonly<Record<string, string>>): void {
  const path = archiveConfig(folder);
  const cluster = { dataDirectory: data, socketDirectory: join(folder, "socket"), port: Number(env["DATABASE_PORT"]) };
  writePgbackrest(path, renderPgbackrest(loadRuntime("backup", env), cluster, join(folder, "archiving")));
  giveAway(path);
}

function archiveConfig(folder: string): string {
  return join(folder, "archive.conf");
}

async function startCluster(
  folder: string,
  data: string,
  port: number,
  settings: readonly string[],
): Promise<RunningProgram> {
  const all = [
    "listen_addresses=127.0.0.1",
    "max_connections=100",
    "archive_mode=on",
    "archive_timeout=30s",
    `archive_command=pgbackrest --config=${archiveConfig(folder)} --stanza=${STANZA} archive-push %p`,
    ...settings,
  ];
  const server = startProgram([
    ...[...asNobody(), findProgram("postgres"), "-D", data, "-p", String(port), "-k", join(folder, "socket")],
    ...all.flatMap((setting) => ["-c", setting]),
  ]);
  await until("Postgres accepts connections", () => accepts(join(folder, "socket"), port));
  return server;
}

async function prepareDatabase(superuser: Client, env: Readonly<Record<string, string>>): Promise<void> {
  await superuser.query("CREATE ROLE slipway_owner LOGIN");
  await superuser.query("CREATE ROLE slipway_app LOGIN");
  await superuser.query(`CREATE DATABASE ${DATABASE} OWNER slipway_owner`);
  await superuser.end();
  await migrateDatabase(env);
}
