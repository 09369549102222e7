import { connect, createServer, type AddressInfo, type Socket } from "node:net";
import type { Redis } from "ioredis";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { startRedis, type TestRedis } from "../test/servers/redis.ts";
import { until } from "../test/servers/programs.ts";
import { createTestLog } from "../test/servers/stack.ts";
import { openBlockingRedis, openRedis } from "./redis.ts";
import { createWake } from "./wake.ts";

/** How long the connections of these tests bear silence, in milliseconds. */
const SILENCE_MS = 400;

const WAKE_UP = { jobId: "1", attempt: 0, queue: "default", priority: 0, delayMs: 0 };

let redis: TestRedis;
let network: Network;
const { log } = createTestLog();
const opened: Redis[] = [];
beforeAll(async () => {
  redis = await startRedis("redis-secret");
  network = await startNetwork(redis.port);
});
afterEach(async () => {
  for (const connection of opened.splice(0)) connection.disconnect();
  await redis.command("FLUSHALL");
});
afterAll(async () => {
  network.close();
  await redis.close();
});

/** The way to Redis. What is connected when it goes silent stays so, as after a failover: nobody closes anything. */
interface Network {
  readonly port: number;
  goSilent(): void;
  close(): void;
}

async function startNetwork(target: number): Promise<Network> {
  const pairs = new Set<{ readonly ends: readonly Socket[]; silent: boolean }>();
  const server = createServer((client) => {
    const far = connect(target, "127.0.0.1");
    const pair = { ends: [client, far], silent: false };
    pairs.add(pair);
    for (const [from, to] of [
      [client, far],
      [far, client],
    ] as const) {
      from.on("error", () => undefined);
      from.on("data", (chunk) => {
        if (!pair.silent) to.write(chunk);
      });
      from.on("close", () => to.destroy());
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    goSilent: () => {
      for (const pair of pairs) pair.silent = true;
    },
    close: () => {
      for (const { ends } of pairs) for (const end of ends) end.destroy();
      server.close();
    },
  };
}

async function open(make: typeof openRedis): Promise<Redis> {
  const secrets = { "redis-password": "redis-secret" };
  const made = make({ REDIS_HOST: "127.0.0.1", REDIS_PORT: network.port, REDIS_TLS: "off", secrets }, log, SILENCE_MS);
  opened.push(made);
  await made.connect();
  return made;
}

it("makes a connection anew whose other end went without a word, and fails what was asked meanwhile", async () => {
  const connection = await open(openRedis);
  network.goSilent();
  await expect(connection.get("key")).rejects.toThrow();
  await until("it answers again", async () => (await connection.get("key").catch(() => "none")) === null);
});

it("asks again over a new connection what a worker asked over such a one", async () => {
  const connection = await open(openBlockingRedis);
  network.goSilent();
  expect(await connection.get("key")).toBeNull();
});

it("adds wake-ups to a queue whose first use failed, once Redis answers again", async () => {
  const connection = await open(openRedis);
  const wake = createWake(connection, log);
  network.goSilent();
  await expect(wake.add([WAKE_UP])).rejects.toThrow();
  await until("the connection is there again", () => connection.status === "ready");
  await until("a wake-up can be added", async () =>
    wake.add([WAKE_UP]).then(
      () => true,
      () => false,
    ),
  );
  expect(await redis.command("LLEN", "slipway:default:wait")).toBe(1);
  await wake.close();
  expect(connection.status).toBe("ready");
});
