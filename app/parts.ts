import type { FastifyBaseLogger, FastifyInstance, RawServerDefault } from "fastify";
import type { ZodTypeProvider } from "fastify-type-provider-zod";
import type { Redis } from "ioredis";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { RuntimeConfig } from "../configs/runtime.ts";
import type { BacklogCounter } from "../jobs/backlog.ts";
import type { Unserved } from "../jobs/unserved.ts";
import type { Queryable } from "../jobs/database.ts";
import type { Failing } from "../jobs/health.ts";
import type { IdLeaseState } from "../jobs/id-lease.ts";
import type { Logger } from "../jobs/log.ts";
import type { RelayCounts } from "../jobs/relay.ts";
import type { ObjectStore } from "../jobs/object-store.ts";
import type { Kinds } from "../jobs/registry.ts";
import type { JobWriter } from "../jobs/store.ts";

/** A Fastify whose schemas are zod's. */
export type App = FastifyInstance<
  RawServerDefault,
  IncomingMessage,
  ServerResponse,
  FastifyBaseLogger,
  ZodTypeProvider
>;

/** The part of the configuration that the API without its port needs. */
export type AppSettings = Pick<
  RuntimeConfig<"api">,
  | "JWT_ISSUER"
  | "JWT_AUDIENCE"
  | "RATE_LIMIT_PER_SECOND"
  | "RATE_LIMIT_BURST"
  | "QUEUE_MAX_PENDING"
  | "TENANT_MAX_PENDING"
  | "EVENT_STREAMS_PER_TENANT"
  | "BODIES_MAX_MIB"
  | "CORS_ORIGINS"
  | "MAX_CONNECTIONS"
  | "secretsDirectory"
  | "debug"
>;

/** What the API is built of. */
export interface AppParts {
  readonly settings: AppSettings;
  readonly pool: Queryable;
  readonly redis: Redis;
  readonly objects: ObjectStore;
  readonly kinds: Kinds;
  readonly log: Logger;
  /** Makes jobs for many requests at once, and hands them to Redis. */
  readonly writer: JobWriter;
  /** A new id; throws IdRefused when there is none to be had. */
  readonly nextId: () => string;
  /** Something is in the outbox. */
  readonly onQueued: () => void;
  /** Names of what readiness looks at. */
  readonly dependencies: readonly string[];
  readonly readiness: () => Promise<readonly Failing[]>;
  /** What the process around it counts, for its metrics. */
  readonly counts?: { readonly relayed: () => RelayCounts; readonly ids: () => IdLeaseState };
  /** Once true, every answer closes its connection, so that clients come back to another process. */
  readonly isDraining: () => boolean;
}

/** What routes work with. */
export interface AppDeps extends AppParts {
  readonly backlog: BacklogCounter;
  /** Queues whose work waits and that no worker serves. */
  readonly unserved: () => Promise<readonly Unserved[]>;
}
