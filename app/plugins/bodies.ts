import { isUtf8 } from "node:buffer";
import type { FastifyRequest } from "fastify";
import type { App } from "../parts.ts";
import { RequestProblem } from "../problems.ts";
import { MAX_LEVELS } from "../requests/checked-kind.ts";
import { isTextNestedDeeper } from "../requests/storable.ts";
import type { BodyCheck } from "./access.ts";

const CHARSET = /;\s*charset\s*=\s*"?(?<charset>[^\s;"]+)/i;

/** Levels of lists and objects in a body: more than parameters may have, and what is around them. */
const MAX_BODY_LEVELS = 2 * MAX_LEVELS;
/** Smaller bodies are parsed at once however deep they are, in bytes. */
const LOOKED_AT_FROM = 4096;

/** Keys that would reach into the prototype of an object. */
const PROTOTYPE =
  /"(?:_|\\u005[fF]){2}(?:p|\\u0070)(?:r|\\u0072)(?:o|\\u006[fF])(?:t|\\u0074)(?:o|\\u006[fF])(?:_|\\u005[fF]){2}"\s*:/;

/** Takes bodies of JSON in UTF-8, as they are: nothing is decompressed, so nothing can blow up. */
export function registerBodies(app: App, checkBody: BodyCheck): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("application/json", { parseAs: "buffer" }, (request, body, done) => {
    const bytes = body as Buffer;
    let parsed: unknown;
    try {
      if (request.signed) checkBody(request, bytes);
      parsed = parseBody(request, bytes);
    } catch (error) {
      done(error as Error);
      return;
    }
    done(null, parsed);
  });
}

function parseBody(request: FastifyRequest, body: Buffer): unknown {
  const type = request.headers["content-type"] ?? "";
  const charset = type.length > "application/json".length ? CHARSET.exec(type)?.groups?.["charset"] : undefined;
  if (charset !== undefined && !/^utf-?8$/i.test(charset)) {
    throw new RequestProblem("unsupported-media-type", `the charset is ${charset}, must be utf-8`);
  }
  const encoding = request.headers["content-encoding"];
  if (encoding !== undefined && encoding !== "identity") {
    throw new RequestProblem("unsupported-media-type", "a compressed body is not taken; leave content-encoding out");
  }
  // Several clients put a type on bodies that are not there.
  if (body.length === 0 && request.routeOptions.config.bodyOptional === true) return undefined;
  if (!isUtf8(body)) throw new RequestProblem("malformed-body", "the body is not valid UTF-8");
  if (body.length > LOOKED_AT_FROM && isTextNestedDeeper(body, MAX_BODY_LEVELS)) {
    throw new RequestProblem(
      "invalid-params",
      `the body is nested more than ${MAX_BODY_LEVELS} levels deep; make it flatter`,
    );
  }
  const text = body.toString("utf8");
  if (PROTOTYPE.test(text)) throw new RequestProblem("malformed-body", "a field is named __proto__; remove it");
  try {
    return JSON.parse(text);
  } catch {
    throw new RequestProblem("malformed-body", `the body is no JSON (${body.length} bytes); send JSON in UTF-8`);
  }
}

declare module "fastify" {
  interface FastifyContextConfig {
    /** The route takes an empty body for none. */
    bodyOptional?: boolean;
  }
}
