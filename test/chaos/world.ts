import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Pool } from "pg";
import type { Bundles } from "../servers/bundles.ts";
import { freePort, until } from "../servers/programs.ts";
import { startStack, type TestStack } from "../servers/stack.ts";
import { bundleForChaos } from "./bundles.ts";
import { Program } from "./program.ts";
import { startProxy, type Proxy } from "./proxy.ts";

/** Connections that Postgres allows: a few more than our programs need, so that they can be used up. */
export const MAX_CONNECTIONS = 90;

/**
 * How our programs run: as in production, but without a limit of rate, and with queues that are full early. Beyond what the workers manage
 * between two faults a client is refused; else the last jobs of a long run would wait for hours behind the others, and be called stuck.
 */
const SETTINGS = {
  APP_ENV: "prod",
  LOG_LEVEL: "warn",
  RATE_LIMIT_PER_SECOND: "0",
  QUEUE_MAX_PENDING: "3000",
  TENANT_MAX_PENDING: "100000000",
  WORKER_CONCURRENCY: "20",
};

/** Everything that a chaos run can harm. */
export interface World {
  readonly stack: TestStack;
  readonly apis: readonly Program[];
  readonly workers: readonly Program[];
  /** Between our programs and the servers. */
  readonly proxies: { readonly postgres: Proxy; readonly redis: Proxy };
  /** Connections of the superuser, past the proxy. Rejects while Postgres is down. */
  readonly database: Pool;
  /** Where logs and the client's log lie. */
  readonly folder: string;
  /** The file system that holds Postgres's data; `undefined` where none of its own could be made. */
  readonly disk: string | undefined;
  close(): Promise<void>;
}

export interface WorldOptions {
  readonly mutant: string | undefined;
  /** Size of the file system for Postgres, in MiB of memory. */
  readonly diskMiB: number;
}

/** Starts servers, proxies, two APIs and three workers, and waits until all are ready. */
export async function startWorld(options: WorldOptions): Promise<World> {
  const closing: Closing = [];
  const close = async () => {
    for (const step of closing.splice(0).reverse()) await step();
  };
  try {
    return { ...(await openWorld(options, closing)), close };
  } catch (error) {
    await close();
    throw error;
  }
}

type Closing = (() => unknown)[];

async function openWorld({ mutant, diskMiB }: WorldOptions, closing: Closing): Promise<Omit<World, "close">> {
  const folder = mkdtempSync(join(tmpdir(), "slipway-chaos-"));
  chmodSync(folder, 0o755); // Postgres runs as nobody.
  closing.push(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  const disk = mountDisk(folder, diskMiB);
  if (disk !== undefined) closing.push(() => spawnSync("umount", ["--lazy", disk]));
  const bundles = await bundleForChaos(mutant);
  closing.push(() => {
    bundles.remove();
  });
  const stack = await startServers(disk);
  closing.push(() => stack.close());
  const [postgres, redis] = await Promise.all([startProxy(stack.postgres.port), startProxy(stack.redis.port)]);
  closing.push(() => Promise.all([postgres.close(), redis.close()]));
  const { apis, workers } = await startPrograms(bundles, folder, stack, { postgres, redis });
  const programs = [...apis, ...workers];
  const stop = () => programs.map((program) => program.stop());
  // However this process ends, nothing outlives it.
  process.once("exit", stop);
  closing.push(() => {
    process.off("exit", stop);
    return Promise.all(stop());
  });
  const database = openSuperuser(stack);
  closing.push(() => database.end());
  await Promise.all(programs.map((one) => until(`${one.name} is ready`, () => one.isReady(), 60_000)));
  return { stack, apis, workers, proxies: { postgres, redis }, database, folder, disk };
}

/** A file system of its own: making it full harms nobody else. Only root may. */
function mountDisk(folder: string, sizeMiB: number): string | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const disk = join(folder, "disk");
  mkdirSync(disk);
  const mounted = spawnSync("mount", ["-t", "tmpfs", "-o", `size=${sizeMiB}m,mode=777`, "slipway-chaos", disk]);
  return mounted.status === 0 ? disk : undefined;
}

async function startServers(disk: string | undefined): Promise<TestStack> {
  const stack = await startStack({
    // A process of ours that dies uncleanly must not keep its locks for long, as in the images.
    postgres: [`max_connections=${MAX_CONNECTIONS}`, "jit=off", "restart_after_crash=on"],
    ...(disk === undefined ? {} : { postgresFolder: disk }),
  });
  await stack.asSuperuser(WITNESS);
  return stack;
}

/** Notes every time a job succeeds, whatever our programs think of it. */
const WITNESS = `
  CREATE TABLE effects (job_id bigint NOT NULL, attempt int NOT NULL, at timestamptz NOT NULL DEFAULT clock_timestamp());
  CREATE INDEX effects_of_job ON effects (job_id);
  CREATE FUNCTION note_effect() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
    BEGIN INSERT INTO public.effects (job_id, attempt) VALUES (NEW.id, NEW.attempt); RETURN NULL; END $$;
  CREATE TRIGGER note_effect AFTER UPDATE OF state ON jobs FOR EACH ROW WHEN (NEW.state = 'succeeded')
    EXECUTE FUNCTION note_effect();`;

async function startPrograms(
  bundles: Bundles,
  folder: string,
  stack: TestStack,
  proxies: World["proxies"],
): Promise<Pick<World, "apis" | "workers">> {
  const env = {
    ...stack.env,
    ...SETTINGS,
    DATABASE_PORT: String(proxies.postgres.port),
    REDIS_PORT: String(proxies.redis.port),
  };
  const start = async (name: string, command: readonly string[]) =>
    new Program({ name, command, env, port: await freePort(), folder });
  const worker = bundles.path("worker");
  return {
    apis: await Promise.all(["api-1", "api-2"].map((name) => start(name, [bundles.path("api")]))),
    workers: [
      await start("worker-1", [worker, "--pool=process", "--processes=2"]),
      await start("worker-2", [worker, "--pool=process", "--processes=2"]),
      await start("worker-3", [worker, "--pool=threads", "--processes=1"]),
    ],
  };
}

function openSuperuser(stack: TestStack): Pool {
  const { port } = stack.postgres;
  const patience = { connectionTimeoutMillis: 3000, query_timeout: 60_000 };
  const pool = new Pool({ host: "127.0.0.1", port, user: "postgres", database: stack.database, max: 4, ...patience });
  pool.on("error", () => undefined);
  pool.on("connect", (client) => client.on("error", () => undefined));
  return pool;
}
