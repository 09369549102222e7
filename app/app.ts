import { randomUUID } from "node:crypto";
import { fastify, LogController, type FastifyBaseLogger, type FastifyInstance, type RawServerDefault } from "fastify";
import { serializerCompiler, validatorCompiler, type ZodTypeProvider } from "fastify-type-provider-zod";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Queryable } from "../jobs/database.ts";
import type { Failing } from "../jobs/health.ts";
import type { Logger } from "../jobs/log.ts";
import type { ObjectStore } from "../jobs/objects.ts";
import { PROBLEM_JSON, toProblem } from "../jobs/problem.ts";
import type { Kinds } from "../jobs/registry.ts";
import { registerDocs } from "./docs.ts";
import { handleError, problemOf, sendProblem } from "./problems.ts";
import { registerHealth } from "./routes/health.ts";
import { registerJobs } from "./routes/jobs.ts";
import { registerUnknown } from "./routes/unknown.ts";

/** Largest body, in bytes: a sum of 10,000 numbers and a text of 5,000 characters stay below half of it. */
export const BODY_LIMIT = 1024 * 1024;

/** Longer than the idle time of load balancers (60 s): they, not we, close a connection that rests. */
const KEEP_ALIVE_MS = 72_000;
const REQUEST_TIMEOUT_MS = 30_000;

/** A Fastify whose schemas are zod's. */
export type App = FastifyInstance<
  RawServerDefault,
  IncomingMessage,
  ServerResponse,
  FastifyBaseLogger,
  ZodTypeProvider
>;

/** What the API works with. */
export interface AppDeps {
  readonly pool: Queryable;
  readonly objects: ObjectStore;
  readonly kinds: Kinds;
  readonly log: Logger;
  /** A new id; throws IdRefused when there is none to be had. */
  readonly nextId: () => string;
  /** Something is in the outbox. */
  readonly onQueued: () => void;
  /** Names of what readiness looks at. */
  readonly dependencies: readonly string[];
  readonly readiness: () => Promise<readonly Failing[]>;
  /** Once true, every answer closes its connection, so that clients come back to another process. */
  readonly isDraining: () => boolean;
  /** Whether the docs page is served. */
  readonly docs: boolean;
}

/** The API without a port: it listens when it is told to. */
export async function buildApp(deps: AppDeps): Promise<App> {
  const loggerInstance: FastifyBaseLogger = deps.log;
  const app: App = fastify({
    loggerInstance,
    logController: new LogController({ disableRequestLogging: true, requestIdLogLabel: "requestId" }),
    bodyLimit: BODY_LIMIT,
    keepAliveTimeout: KEEP_ALIVE_MS,
    requestTimeout: REQUEST_TIMEOUT_MS,
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
  app.setSerializerCompiler(serializerCompiler);
  app.setErrorHandler(handleError);
  addHooks(app, deps);
  if (deps.docs) await registerDocs(app);
  registerUnknown(app);
  registerHealth(app, deps);
  registerJobs(app, deps);
  await app.ready();
  return app;
}

/** The edge's id when it looks like one, else a new one. */
function requestId(header: string | string[] | undefined): string {
  return typeof header === "string" && /^[\w-]{8,64}$/.test(header) ? header : randomUUID();
}

function addHooks(app: App, deps: AppDeps): void {
  app.addHook("onRequest", async (request, reply) => {
    reply.header("x-request-id", request.id);
    if (deps.isDraining()) reply.header("connection", "close");
  });
  app.addHook("onResponse", async (request, reply) => {
    const route = request.routeOptions.url;
    const line = {
      requestId: request.id,
      method: request.method,
      path: request.url.split("?")[0],
      route,
      status: reply.statusCode,
      milliseconds: Math.round(reply.elapsedTime * 10) / 10,
    };
    if (route?.startsWith("/health/")) deps.log.debug(line, "request");
    else deps.log.info(line, "request");
  });
}

/** For requests that are no HTTP: there is no route and no reply yet, only a socket. */
function answerBrokenRequest(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === "ECONNRESET" || !socket.writable) {
    socket.destroy();
    return;
  }
  const problem =
    error.code === "HPE_HEADER_OVERFLOW"
      ? toProblem("too-many-headers", "the headers are larger than 16 KiB; send fewer")
      : toProblem("invalid-request", "this is no valid HTTP request");
  const body = JSON.stringify(problem);
  socket.end(
    `HTTP/1.1 ${problem.status} ${problem.title}\r\nconnection: close\r\ncontent-type: ${PROBLEM_JSON}\r\n` +
      `content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}
