import { pino } from "pino";
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { Redis } from "ioredis";
import { startRedis, type TestRedis } from "../../test/servers/redis.ts";
import { createRateLimiter, type RateLimiter } from "./rate-limit.ts";

let server: TestRedis;
let redis: Redis;
const log = pino({ level: "silent" });
beforeAll(async () => {
  server = await startRedis("secret");
  redis = new Redis({
    port: server.port,
    password: "secret",
    maxRetriesPerRequest: 0,
    enableOfflineQueue: false,
    lazyConnect: true,
  });
  redis.on("error", () => undefined);
  await redis.connect();
});
afterAll(async () => {
  redis.disconnect();
  await server.close();
});
beforeEach(() => server.command("FLUSHALL"));

/** So slow that nothing comes back while a test runs. */
const SLOW = { perSecond: 0.01, burst: 40 };

async function allowed(limiter: RateLimiter, tenant: string, tries: number): Promise<number> {
  let count = 0;
  for (let n = 0; n < tries; n += 1) if ((await limiter.take(tenant)).allowed) count += 1;
  return count;
}

it("lets through the burst and no more, each tenant for itself", async () => {
  const limiter = createRateLimiter(SLOW, redis, log);
  const count = await allowed(limiter, "acme", 200);
  expect(count).toBe(40);
  expect(await limiter.take("other")).toMatchObject({ allowed: true });
  const refused = await limiter.take("acme");
  expect(refused.allowed ? 0 : refused.retryInMs).toBeGreaterThan(0);
});

it("is one limit over several processes", async () => {
  const limiters = [createRateLimiter(SLOW, redis, log), createRateLimiter(SLOW, redis, log)];
  const counts = await Promise.all(limiters.map((limiter) => allowed(limiter, "acme", 200)));
  expect(counts.reduce((sum, count) => sum + count)).toBe(40);
});

it("asks Redis far less often than it is asked", async () => {
  const limiter = createRateLimiter({ perSecond: 10_000, burst: 10_000 }, redis, log);
  const before = Number(
    /cmdstat_eval:calls=(\d+)/.exec(String(await server.command("INFO", "commandstats")))?.[1] ?? 0,
  );
  expect(await allowed(limiter, "acme", 5000)).toBe(5000);
  const after = Number(/cmdstat_eval:calls=(\d+)/.exec(String(await server.command("INFO", "commandstats")))?.[1] ?? 0);
  expect(after - before).toBeGreaterThan(1);
  expect(after - before).toBeLessThan(100);
});

it("still serves and still limits while Redis is away", async () => {
  const limiter = createRateLimiter(SLOW, redis, log);
  await server.kill();
  const count = await allowed(limiter, "acme", 200);
  await server.start();
  expect(count).toBe(40);
});

it("does not wait for a Redis that hangs", async () => {
  const { promise: never } = Promise.withResolvers<never>();
  const hanging = Object.assign(Object.create(redis) as Redis, { eval: () => never });
  expect(await allowed(createRateLimiter(SLOW, hanging, log), "acme", 5)).toBe(5);
});

it("has no limit for 0", async () => {
  expect(await allowed(createRateLimiter({ perSecond: 0, burst: 1 }, redis, log), "acme", 100)).toBe(100);
});
