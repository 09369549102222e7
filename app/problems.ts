import type { FastifyError, FastifyReply, FastifyRequest } from "fastify";
import { hasZodFastifySchemaValidationErrors, isResponseSerializationError } from "fastify-type-provider-zod";
import { Overloaded } from "../jobs/coalesce.ts";
import { isDatabaseAway } from "../jobs/database.ts";
import { IdRefused } from "../jobs/ids.ts";
import { PROBLEM_JSON, PROBLEM_TYPE, toProblem, type Problem, type ProblemName } from "../jobs/problem.ts";
import { MAX_FAULTS, shortened } from "./requests/faults.ts";

/** Seconds after which a client may try again what was not available. */
const RETRY_AFTER_SECONDS = 1;

declare module "fastify" {
  interface FastifyRequest {
    /** Name of the problem that it was answered with. */
    problem: string | null;
  }
}

/** Beside name and detail of a problem. */
export interface ProblemExtras {
  /** Fields of the body that belong to the type. */
  readonly members?: Readonly<Record<string, unknown>>;
  readonly headers?: Readonly<Record<string, string | number>>;
}

/** Thrown by a route: becomes the answer. */
export class RequestProblem extends Error {
  override readonly name = "RequestProblem";
  readonly problem: Problem;
  readonly headers: Readonly<Record<string, string | number>>;

  constructor(name: ProblemName, detail: string, extras: ProblemExtras = {}) {
    super(detail);
    this.problem = toProblem(name, detail, extras.members);
    this.headers = extras.headers ?? {};
  }
}

/** Errors of Fastify itself, by code. */
const FASTIFY: Readonly<Record<string, ProblemName>> = {
  FST_ERR_CTP_INVALID_JSON_BODY: "malformed-body",
  FST_ERR_CTP_EMPTY_JSON_BODY: "malformed-body",
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: "malformed-body",
  FST_ERR_CTP_BODY_TOO_LARGE: "body-too-large",
  FST_ERR_CTP_INVALID_MEDIA_TYPE: "unsupported-media-type",
  FST_ERR_BAD_URL: "invalid-request",
  FST_ERR_MAX_PARAM_LENGTH: "invalid-request",
};

/** What an error means to the client. Nothing of an unexpected error is told but that it happened. */
export function problemOf(error: unknown): Problem {
  if (error instanceof RequestProblem) return error.problem;
  if (hasZodFastifySchemaValidationErrors(error)) return invalidRequest(error);
  if (error instanceof IdRefused) return toProblem("unavailable", error.message);
  if (error instanceof Overloaded)
    return toProblem("overloaded", "more requests wait than may wait; nothing of this one was kept, try again");
  if (isDatabaseAway(error))
    return toProblem("unavailable", "the database does not answer; nothing was kept, try again");
  const known = isFastifyError(error) ? FASTIFY[error.code] : undefined;
  if (known !== undefined && isFastifyError(error)) return toProblem(known, shortened(error.message));
  return toProblem("internal", "an unexpected error; the log has it under this request's id");
}

function isFastifyError(error: unknown): error is FastifyError {
  return error instanceof Error && "code" in error && typeof error.code === "string";
}

function invalidRequest(error: {
  readonly validation: readonly { instancePath: string; message?: string | undefined }[];
  readonly validationContext?: string | undefined;
}): Problem {
  const where = error.validationContext ?? "request";
  const errors = error.validation.slice(0, MAX_FAULTS).map(({ instancePath, message }) => ({
    path: `${where}${instancePath.replace(/\/$/, "").replaceAll("/", ".")}`,
    message: shortened(message ?? "is not as documented"),
  }));
  return toProblem("invalid-request", errors.map((e) => `${e.path}: ${e.message}`).join("; "), { errors });
}

/** Answers with a problem, under the request's id. */
export function sendProblem(request: FastifyRequest, reply: FastifyReply, problem: Problem): void {
  request.problem = problem.type.slice(PROBLEM_TYPE.length);
  if (problem.status === 503 && !reply.hasHeader("retry-after")) reply.header("retry-after", RETRY_AFTER_SECONDS);
  if (problem.status === 401) reply.header("www-authenticate", challenge(problem));
  reply.code(problem.status);
  reply.type(PROBLEM_JSON);
  // Bytes, because Fastify puts a charset behind the type of a string.
  reply.send(Buffer.from(JSON.stringify({ ...problem, instance: `urn:slipway:request:${request.id}` })));
}

/** RFC 6750: a request without credentials is told only that they are wanted. */
function challenge({ type }: Problem): string {
  const wrong = type.endsWith("credentials-missing") ? "" : ', error="invalid_token"';
  return `Bearer realm="slipway"${wrong}`;
}

/** Fastify's error handler: an answer of ours for whatever was thrown. */
export function handleError(error: unknown, request: FastifyRequest, reply: FastifyReply): void {
  const problem = problemOf(error);
  if (problem.status === 500) {
    const cause = isResponseSerializationError(error) ? error.cause : undefined;
    request.log.error({ requestId: request.id, err: error, cause }, "a request failed");
  }
  if (error instanceof RequestProblem) reply.headers(error.headers);
  sendProblem(request, reply, problem);
}
