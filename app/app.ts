import { randomUUID } from "node:crypto";
import { fastify, LogController, type FastifyBaseLogger } from "fastify";
import { serializerCompiler, validatorCompiler, type ZodTypeProvider } from "fastify-type-provider-zod";
import { createBacklogCounter } from "../jobs/backlog.ts";
import type { Logger } from "../jobs/log.ts";
import { createUnservedWatch } from "../jobs/unserved.ts";
import { answerBrokenRequest } from "./broken-requests.ts";
import { registerDocs } from "./docs.ts";
import { createStreams } from "./events/streams.ts";
import { createWatcher } from "./events/watcher.ts";
import type { App, AppDeps, AppParts } from "./parts.ts";
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

/** The API without a port: it listens when it is told to. */
export async function buildApp(parts: AppParts): Promise<App> {
  const { settings, pool, log } = parts;
  const limits = { perQueue: settings.QUEUE_MAX_PENDING, perTenant: settings.TENANT_MAX_PENDING };
  const backlog = createBacklogCounter(pool, limits);
  const deps: AppDeps = { ...parts, backlog, unserved: createUnservedWatch(pool, backlog) };
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
