import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client } from "pg";
import type { RuntimeConfig } from "../configs/runtime.ts";
import { connectionOptions } from "../jobs/database.ts";
import type { Logger } from "../jobs/log.ts";
import type { CloseStack } from "../jobs/process.ts";
import { renderPgbackrest, writePgbackrest, type ClusterPlace } from "./pgbackrest-config.ts";
import { createPgbackrest, type Pgbackrest } from "./pgbackrest.ts";
import type { ProgressEvent } from "./protocol.ts";
import { openSetContext, type SetContext } from "./set-context.ts";

/** What every command of the agent has. */
export interface Agent {
  readonly config: RuntimeConfig<"backup">;
  readonly log: Logger;
  /** Fires when the command has to end. */
  readonly signal: AbortSignal;
  /** A folder of this process alone. */
  readonly scratch: string;
  /** pgBackRest on the live cluster. */
  readonly pgbackrest: Pgbackrest;
  /** pgBackRest on another cluster: one that is being restored. */
  pgbackrestFor(cluster: ClusterPlace): Pgbackrest;
  /** Our own files of backups. */
  readonly context: SetContext;
  /** Tells how far it is. */
  progress(event: Omit<ProgressEvent, "event">): void;
}

export interface AgentOptions {
  readonly config: RuntimeConfig<"backup">;
  readonly log: Logger;
  readonly signal: AbortSignal;
  readonly stack: CloseStack;
  readonly onProgress: (event: ProgressEvent) => void;
}

/** Makes the folder of this process and the configuration of pgBackRest in it; both are on the stack. */
export function openAgent(options: AgentOptions): Agent {
  const { config, log, signal, stack, onProgress } = options;
  const shared = sharedFolder(config.BACKUP_REPOSITORY_DIR);
  const scratch = mkdtempSync(join(shared, "run-"));
  stack.add("scratch folder", async () => {
    rmSync(scratch, { recursive: true, force: true });
  });
  let files = 0;
  const pgbackrestFor = (cluster: ClusterPlace) => {
    files += 1;
    const path = join(scratch, `pgbackrest-${files}.conf`);
    writePgbackrest(path, renderPgbackrest(config, cluster, shared));
    return createPgbackrest(path, signal);
  };
  return {
    config,
    log,
    signal,
    scratch,
    context: openSetContext(config, signal),
    pgbackrest: pgbackrestFor(liveCluster(config)),
    pgbackrestFor,
    progress: throttled(onProgress),
  };
}

/** Steps of a hundredth are enough for a bar; small files come by the thousand. */
function throttled(onProgress: (event: ProgressEvent) => void): Agent["progress"] {
  let last = "";
  return (event) => {
    const { step, doneBytes = 0, totalBytes } = event;
    const mark = `${step} ${totalBytes ? Math.floor((doneBytes / totalBytes) * 100) : doneBytes}`;
    if (mark === last) return;
    last = mark;
    onProgress({ event: "progress", ...event });
  };
}

/** The cluster that serves. */
export function liveCluster(config: RuntimeConfig<"backup">): ClusterPlace {
  return {
    dataDirectory: config.POSTGRES_DATA_DIR,
    socketDirectory: config.POSTGRES_SOCKET_DIR,
    port: config.DATABASE_PORT,
  };
}

/**
 * A connection to the cluster that serves: of its superuser where its socket is, else of the product's own role.
 *
 * @throws Error where it does not answer
 */
export async function connectLive(config: RuntimeConfig<"backup">, database = config.DATABASE_NAME): Promise<Client> {
  const isLocal = config.POSTGRES_ASKED === "socket";
  const socket = { host: config.POSTGRES_SOCKET_DIR, port: config.DATABASE_PORT, user: "postgres" };
  const client = new Client({
    ...(isLocal ? socket : connectionOptions(config)),
    database,
    application_name: "slipway-backup",
    connectionTimeoutMillis: 5000,
    statement_timeout: 60_000,
  });
  client.on("error", () => undefined); // Its next statement fails anyway.
  try {
    await client.connect();
  } catch (error) {
    const said = error instanceof Error ? error.message : String(error);
    const [where, setting] = isLocal
      ? [config.POSTGRES_SOCKET_DIR, "POSTGRES_SOCKET_DIR"]
      : [config.DATABASE_HOST, "DATABASE_HOST"];
    throw new Error(`Postgres in ${where} does not answer (${said}); start it, or correct ${setting}`, {
      cause: error,
    });
  }
  return client;
}

/** One folder for all processes that work on a repository, on this machine: pgBackRest's locks are in it. */
function sharedFolder(repository: string): string {
  mkdirSync(repository, { recursive: true, mode: 0o750 });
  const name = createHash("sha256").update(realpathSync(repository)).digest("hex").slice(0, 12);
  const folder = join(tmpdir(), `slipway-backup-${name}`);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  return folder;
}
