import { randomUUID } from "node:crypto";
import { fastify, LogController, type FastifyBaseLogger, type FastifyInstance, type RawServerDefault } from "fastify";
import { serializerCompiler, validatorCompiler, type ZodTypeProvider } from "fastify-type-provider-zod";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Redis } from "ioredis";
import type { RuntimeConfig } from "../configs/runtime.ts";
import { createBacklogCounter, type BacklogCounter } from "../jobs/backlog.ts";
import type { Queryable } from "../jobs/database.ts";
import type { Failing } from "../jobs/health.ts";
import type { IdLeaseState } from "../jobs/id-lease.ts";
import type { Logger } from "../jobs/log.ts";
import type { RelayCounts } from "../jobs/maintenance.ts";
import type { ObjectStore } from "../jobs/objects.ts";
import type { Kinds } from "../jobs/registry.ts";
import type { JobWriter } from "../jobs/store.ts";
import { answerBrokenRequest } from "./broken-requests.ts";
import { registerDocs } from "./docs.ts";
import { createStreams } from "./events/streams.ts";
import { createWatcher } from "./events/watcher.ts";
import { boundConnections } from "./plugins/connections.ts";
import { registerExternal } from "./plugins/external.ts";
import { registerOwn } from "./plugins/own.ts";
import { handleError, problemOf, sendProblem } from "./problems.ts";
import { registerArtifact } from "./routes/artifact.ts";
import { registerBatches } from "./routes/batches.ts";
import { registerCreateJob } from "./routes/create-job.ts";
import { registerEvents } from "./routes/events.ts";
import { registerHealth } from "./routes/health.ts";
import { registerJobs } from "./routes/jobs.ts";
import { registerQueues } from "./routes/queues.ts";
import { registerSchedules } from "./routes/schedules.ts";
import { registerUnknown } from "./routes/unknown.ts";

/** Largest body but of a batch, in bytes: a sum of 10,000 numbers and a text of 5,000 characters stay below half of it. */
export const BODY_LIMIT = 1024 * 1024;

/** Longer than the idle time of load balancers (60 s): they, not we, close a connection that rests. */
const KEEP_ALIVE_MS = 72_000;
const HEADERS_TIMEOUT_MS = 10_000;
const REQUEST_TIMEOUT_MS = 30_000;
/** How often connections are looked over for those that are too slow, in milliseconds. */
const LOOK_OVER_MS = 2000;

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
  /** Makes jobs for many requests at once. */
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
}

/** The API without a port: it listens when it is told to. */
export async function buildApp(parts: AppParts): Promise<App> {
  const { settings, pool, log } = parts;
  const limits = { perQueue: settings.QUEUE_MAX_PENDING, perTenant: settings.TENANT_MAX_PENDING };
  const deps: AppDeps = { ...parts, backlog: createBacklogCounter(pool, limits) };
  const streams = createStreams(createWatcher(pool, log), { perTenant: settings.EVENT_STREAMS_PER_TENANT });
  const app = createApp(log, settings.debug);
  boundConnections(app, settings.MAX_CONNECTIONS);
  // Before the server closes: it waits for every answer, and these have no end of their own.
  app.addHook("preClose", () => streams.close());

  await registerExternal(app, settings);
  registerOwn(app, deps, streams);

  if (settings.debug) await registerDocs(app);
  registerUnknown(app);
  registerHealth(app, deps);
  registerCreateJob(app, deps);
  registerJobs(app, deps);
  registerEvents(app, deps, streams);
  registerArtifact(app, deps);
  registerBatches(app, deps);
  registerQueues(app, deps);
  registerSchedules(app, deps);
  await app.ready();
  return app;
}

/** @param checked whether answers are held against their schemas before they go: the compiler has done that already */
function createApp(log: Logger, checked: boolean): App {
  const loggerInstance: FastifyBaseLogger = log;
  const app: App = fastify({
    loggerInstance,
    // One made for each request costs more than the line that it writes: who logs names the request.
    childLoggerFactory: (logger) => logger,
    logController: new LogController({ disableRequestLogging: true, requestIdLogLabel: "requestId" }),
    bodyLimit: BODY_LIMIT,
    keepAliveTimeout: KEEP_ALIVE_MS,
    requestTimeout: REQUEST_TIMEOUT_MS,
    http: { headersTimeout: HEADERS_TIMEOUT_MS, connectionsCheckingInterval: LOOK_OVER_MS },
    forceCloseConnections: "idle",
    return503OnClosing: false,
    genReqId: (request) => requestId(request.headers["x-request-id"]),
    clientErrorHandler: answerBrokenRequest,
    frameworkErrors: (error, request, reply) => {
      reply.header("x-request-id", request.id);
      sendProblem(request, reply, problemOf(error));
    },
  }).withTypeProvider<ZodTypeProvider>();
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(checked ? serializerCompiler : () => (data) => JSON.stringify(data));
  app.setErrorHandler(handleError);
  return app;
}

/** The edge's id when it looks like one, else a new one. */
function requestId(header: string | string[] | undefined): string {
  return typeof header === "string" && /^[\w-]{8,64}$/.test(header) ? header : randomUUID();
}
