import { randomBytes } from "node:crypto";
import { createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { Redis } from "ioredis";
import { endOf, startChild } from "./children.ts";

/** A Redis for one check: nothing of it is kept, and nobody else knows its password. */
export interface ScratchRedis {
  readonly port: number;
  readonly password: string;
  stop(): Promise<void>;
}

/** How long it may take to answer, in milliseconds. */
const START_MS = 20_000;
const ASK_MS = 50;

/** Starts it on a free port of this machine. */
export async function startScratchRedis(scratch: string, signal: AbortSignal): Promise<ScratchRedis> {
  const port = await freePort();
  const password = randomBytes(24).toString("hex");
  // Its settings come on its standard input: a command line shows them to everybody.
  const settings = {
    bind: "127.0.0.1",
    port,
    requirepass: password,
    dir: scratch,
    save: '""',
    appendonly: "no",
    "maxmemory-policy": "noeviction",
  };
  const child = startChild("redis-server", ["-"], { signal });
  child.stdin?.on("error", () => undefined);
  child.stdin?.end(
    Object.entries(settings)
      .map(([key, value]) => `${key} ${value}\n`)
      .join(""),
  );
  child.stdout?.resume();
  child.stderr?.resume();
  const ended = endOf(child, new AbortController().signal);
  ended.catch(() => undefined);
  const stop = async () => {
    child.kill("SIGTERM");
    await ended;
  };
  const deadline = performance.now() + START_MS;
  while (!(await answers(port, password))) {
    if (performance.now() > deadline || child.exitCode !== null || signal.aborted) {
      await stop();
      signal.throwIfAborted();
      throw new Error("the Redis for the smoke job did not start; install redis-server beside the agent");
    }
    await sleep(ASK_MS);
  }
  return { port, password, stop };
}

async function answers(port: number, password: string): Promise<boolean> {
  const client = new Redis({ host: "127.0.0.1", port, password, lazyConnect: true, retryStrategy: () => null });
  client.on("error", () => undefined);
  try {
    await client.connect();
    await client.ping();
    return true;
  } catch {
    return false;
  } finally {
    client.disconnect();
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === "string") throw new Error("no port of 127.0.0.1 is free");
  return address.port;
}
