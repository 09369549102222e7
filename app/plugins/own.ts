import { createKeyRing } from "../auth/key-ring.ts";
import { createNonces } from "../auth/nonces.ts";
import { NONCE_SECONDS } from "../auth/signatures.ts";
import { createTokens } from "../auth/tokens.ts";
import type { App, AppDeps } from "../parts.ts";
import type { Streams } from "../events/streams.ts";
import { registerAccess } from "./access.ts";
import { logRequest } from "./access-log.ts";
import { createBodyRoom } from "./body-room.ts";
import { registerBodies } from "./bodies.ts";
import { createMetrics, observeRequests } from "./metrics.ts";
import { createRateLimiter } from "./rate-limit.ts";

/** What every request passes: ids, log, metrics, credentials, limits, body. */
export function registerOwn(app: App, deps: AppDeps, streams: Streams): void {
  const { settings, log, pool, redis } = deps;
  const { RATE_LIMIT_PER_SECOND: perSecond, RATE_LIMIT_BURST: burst } = settings;
  app.addHook("onRequest", (request, reply, done) => {
    reply.header("x-request-id", request.id);
    if (deps.isDraining()) reply.header("connection", "close");
    done();
  });
  app.decorateRequest("problem", null);
  const room = createBodyRoom(settings.BODIES_MAX_MIB);
  const metrics = createMetrics({
    ...{ pool, backlog: deps.backlog, unserved: deps.unserved },
    waitingInserts: () => deps.writer.waiting(),
    openStreams: () => streams.size(),
    written: () => deps.writer.written(),
    bodyBytes: () => room.taken(),
    counts: deps.counts,
  });
  const keyRing = createKeyRing(settings.secretsDirectory, log);
  const nonces = createNonces(pool, NONCE_SECONDS);
  app.addHook("onClose", () => nonces.close());
  const checkBody = registerAccess(app, {
    tokens: createTokens(settings, keyRing),
    keyRing,
    nonces,
    limiter: createRateLimiter({ perSecond, burst }, redis, log),
    room,
    maxUnits: Math.max(1, burst >> 2),
    policy: perSecond === 0 ? undefined : `"tenant";q=${burst};w=${Math.max(1, Math.ceil(burst / perSecond))}`,
  });
  registerBodies(app, checkBody);
  const observe = observeRequests(app, metrics);
  // Its fields are known and none is a secret: looking for some in each line costs as much as the line.
  const accessLog = log.child({}, { redact: [] });
  app.addHook("onResponse", (request, reply, done) => {
    observe(request, reply);
    logRequest(accessLog, request, reply);
    done();
  });
}
