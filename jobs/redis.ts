import { Redis } from "ioredis";
import type { RuntimeConfig } from "../configs/runtime.ts";
import { verifiedTls } from "./database.ts";
import type { Logger } from "./log.ts";

/** The part of the configuration that reaches Redis. */
export type RedisSettings = Pick<RuntimeConfig<"api">, "REDIS_HOST" | "REDIS_PORT" | "REDIS_TLS"> & {
  readonly secrets: { readonly "redis-password": string };
  readonly REDIS_CA_FILE?: string | undefined;
  /** @default Redis' own default user */
  readonly REDIS_USER?: string | undefined;
};

/** How long Redis may be silent while an answer is owed, in milliseconds. */
const SILENCE_MS = 5000;
/** The same where a command may wait in Redis: longer than a look at an empty queue, see worker/bundles.ts. */
const BLOCKING_SILENCE_MS = 15_000;

/**
 * @param socketTimeout then the connection is made anew. Without it one whose other end went without a word, as in a failover, would be
 *                      believed for ever: a command that timed out leaves it open.
 */
function common(settings: RedisSettings, socketTimeout: number) {
  return {
    socketTimeout,
    host: settings.REDIS_HOST,
    port: settings.REDIS_PORT,
    ...(settings.REDIS_USER === undefined ? {} : { username: settings.REDIS_USER }),
    password: settings.secrets["redis-password"],
    connectTimeout: 5000,
    // Comes back within a second for ever: a queue is of no use without it, and the process is not ready meanwhile.
    retryStrategy: (times: number) => Math.min(50 * 2 ** Math.min(times, 5), 1000),
    lazyConnect: true,
    ...(settings.REDIS_TLS === "verify" ? { tls: verifiedTls(settings.REDIS_CA_FILE) } : {}),
  };
}

/**
 * For commands that should rather fail than wait: the relay keeps its rows and tries again.
 *
 * @param silenceMs how long an answer may take @default 5000
 */
export function openRedis(settings: RedisSettings, log: Logger, silenceMs = SILENCE_MS): Redis {
  return watched(
    new Redis({
      ...common(settings, silenceMs),
      ...{ maxRetriesPerRequest: 0, enableOfflineQueue: false, commandTimeout: silenceMs },
    }),
    log,
  );
}

/**
 * For BullMQ's workers, whose blocking commands wait through an outage.
 *
 * @param silenceMs how long Redis may be silent, longer than any blocking command waits @default 15,000
 */
export function openBlockingRedis(settings: RedisSettings, log: Logger, silenceMs = BLOCKING_SILENCE_MS): Redis {
  return watched(new Redis({ ...common(settings, silenceMs), maxRetriesPerRequest: null }), log);
}

function watched(redis: Redis, log: Logger): Redis {
  let down = false;
  redis.on("error", (error) => {
    // Once per outage, not once per attempt.
    if (!down) log.warn({ err: error }, "Redis is not reachable");
    down = true;
  });
  redis.on("ready", () => {
    if (down) log.info("Redis is reachable again");
    down = false;
  });
  return redis;
}
