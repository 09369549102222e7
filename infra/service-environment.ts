import type { StackConfig } from "../configs/stack.ts";
import {
  SECRETS_FOLDER,
  type Cache,
  type Database,
  type DatabaseRole,
  type ProgramSpec,
  type Trust,
} from "./contract.ts";

/** How a process reaches the database. */
export function databaseEnvironment(
  database: Database,
  role: DatabaseRole,
  connections: number,
): ProgramSpec["environment"] {
  return {
    DATABASE_HOST: database.host,
    DATABASE_PORT: String(database.port),
    DATABASE_NAME: database.name,
    DATABASE_USER: role.user,
    DATABASE_POOL_SIZE: String(connections),
    ...verified("DATABASE", "database", database.tls),
  };
}

/** How a process reaches Redis. */
export function cacheEnvironment(cache: Cache): ProgramSpec["environment"] {
  return {
    REDIS_HOST: cache.host,
    REDIS_PORT: String(cache.port),
    ...(cache.user === undefined ? {} : { REDIS_USER: cache.user }),
    ...verified("REDIS", "redis", cache.tls),
  };
}

/** How a process is told to check a server's certificate; nothing where it is reached in clear. */
export function verified(
  prefix: "DATABASE" | "REDIS",
  name: string,
  tls: Trust | undefined,
): ProgramSpec["environment"] {
  if (tls === undefined) return {};
  return {
    [`${prefix}_TLS`]: "verify",
    ...(tls.ca === undefined ? {} : { [`${prefix}_CA_FILE`]: `${SECRETS_FOLDER}/${name}-ca.pem` }),
  };
}

/** No secret, but a file that has to lie somewhere. */
export function authority(name: string, tls: Trust | undefined): ProgramSpec["secrets"] {
  return tls?.ca === undefined ? {} : { [`${name}-ca.pem`]: tls.ca };
}

/** What the API lets in. */
export function apiLimits(api: StackConfig["api"]): ProgramSpec["environment"] {
  return {
    RATE_LIMIT_PER_SECOND: String(api.rateLimitPerSecond),
    RATE_LIMIT_BURST: String(api.rateLimitBurst),
    QUEUE_MAX_PENDING: String(api.queueMaxPending),
    CORS_ORIGINS: api.corsOrigins.join(","),
  };
}
