import type { FastifyReply, FastifyRequest } from "fastify";
import type { Logger } from "../../jobs/log.ts";
import { pathOf } from "../requests/path.ts";

/** One line a request: who, what, how long. Never the query, a header or a body: those may hold secrets. */
export function logRequest(log: Logger, request: FastifyRequest, reply: FastifyReply): void {
  const { url: route, config } = request.routeOptions;
  const line = {
    requestId: request.id,
    method: request.method,
    path: pathOf(request.url),
    route,
    status: reply.statusCode,
    milliseconds: Math.round(reply.elapsedTime * 10) / 10,
    tenant: request.credential?.tenant,
    keyId: request.credential?.keyId,
    problem: request.problem ?? undefined,
  };
  // Probes and scrapes come every few seconds and say nothing.
  if (config.access === "public" && (route?.startsWith("/health/") || route === "/metrics")) log.debug(line, "request");
  else log.info(line, "request");
}
