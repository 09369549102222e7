import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import { findProgram, freePort, startProgram, until, type RunningProgram } from "./programs.ts";

/** A Redis of the tests' own, without persistence: a restart is a wipe. */
export interface TestRedis {
  readonly port: number;
  /** Runs one command. */
  command(name: string, ...args: string[]): Promise<unknown>;
  kill(): Promise<void>;
  start(): Promise<void>;
  close(): Promise<void>;
}

/**
 * Starts Redis on a free port of 127.0.0.1.
 *
 * @param settings as on its command line, such as `--appendonly yes`
 */
export async function startRedis(password: string, settings: readonly string[] = []): Promise<TestRedis> {
  const folder = mkdtempSync(join(tmpdir(), "slipway-redis-"));
  const port = await freePort();
  const start = () => startServer(folder, port, password, settings);
  let server = await start();
  return {
    port,
    command: (name, ...args) => command(port, password, name, args),
    start: async () => {
      server = await start();
    },
    kill: async () => {
      await server.stop("SIGKILL");
    },
    close: async () => {
      await server.stop("SIGTERM");
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function startServer(
  folder: string,
  port: number,
  password: string,
  settings: readonly string[],
): Promise<RunningProgram> {
  const network = ["--port", String(port), "--bind", "127.0.0.1", "--requirepass", password];
  const options = ["--dir", folder, "--save", "", "--maxmemory-policy", "noeviction", ...settings];
  const server = startProgram([findProgram("redis-server"), ...network, ...options]);
  await until("Redis accepts connections", () =>
    command(port, password, "PING", []).then(
      () => true,
      () => false,
    ),
  );
  return server;
}

async function command(port: number, password: string, name: string, args: string[]): Promise<unknown> {
  const client = new Redis({ host: "127.0.0.1", port, password, retryStrategy: () => null, lazyConnect: true });
  client.on("error", () => undefined);
  await client.connect();
  try {
    return await client.call(name, ...args);
  } finally {
    client.disconnect();
  }
}
