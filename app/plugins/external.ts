import compress from "@fastify/compress";
import cors from "@fastify/cors";
import helmet from "@fastify/helmet";
import type { FastifyRequest } from "fastify";
import type { App, AppSettings } from "../parts.ts";
import { RequestProblem } from "../problems.ts";

/** Answers below this are not made smaller by compression, in bytes. */
const COMPRESS_FROM = 1024;

const EXPOSED = [
  "etag",
  "idempotency-replayed",
  "location",
  "ratelimit",
  "ratelimit-policy",
  "retry-after",
  "x-request-id",
];

/** Packages that every Fastify may have: security headers, CORS, compression. */
export async function registerExternal(app: App, settings: AppSettings): Promise<void> {
  await app.register(helmet, {
    // Nothing of this server is a page but the docs, which bring a policy of their own.
    contentSecurityPolicy: { useDefaults: false, directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] } },
    // The edge knows whether it speaks TLS. The others are for pages and for browsers of the past.
    strictTransportSecurity: false,
    crossOriginOpenerPolicy: false,
    originAgentCluster: false,
    xDnsPrefetchControl: false,
    xDownloadOptions: false,
    xFrameOptions: false,
    xPermittedCrossDomainPolicies: false,
    xXssProtection: false,
  });
  // Without origins there is no page that may ask: then nothing is said of CORS at all.
  if (settings.CORS_ORIGINS.length > 0) {
    app.addHook("onRequest", (request, _reply, done) => {
      refuseBadPreflight(request);
      done();
    });
    const methods = ["GET", "HEAD", "POST", "PUT", "DELETE"];
    await app.register(cors, { origin: settings.CORS_ORIGINS, methods, exposedHeaders: EXPOSED, maxAge: 600 });
  }
  // Only where a route asks for it, so that small answers pay nothing. Bodies of requests are never decompressed.
  await app.register(compress, {
    globalCompression: false,
    globalDecompression: false,
    threshold: COMPRESS_FROM,
    encodings: ["br", "gzip"],
  });
}

/** Before the package does, whose answer has another shape than ours. */
function refuseBadPreflight({ method, headers }: FastifyRequest): void {
  if (method !== "OPTIONS" || (headers.origin !== undefined && headers["access-control-request-method"] !== undefined))
    return;
  throw new RequestProblem(
    "invalid-request",
    "OPTIONS is taken from browsers only, with the headers origin and access-control-request-method",
  );
}
