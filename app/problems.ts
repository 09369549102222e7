import type { FastifyError, FastifyReply, FastifyRequest } from "fastify";
import { hasZodFastifySchemaValidationErrors, isResponseSerializationError } from "fastify-type-provider-zod";
import { isDatabaseAway } from "../jobs/database.ts";
import { IdRefused } from "../jobs/ids.ts";
import { PROBLEM_JSON, toProblem, type Problem, type ProblemName } from "../jobs/problem.ts";

/** Seconds after which a client may try again what was not available. */
const RETRY_AFTER_SECONDS = 1;

/** Thrown by a route: becomes the answer. */
export class RequestProblem extends Error {
  override readonly name = "RequestProblem";
  readonly problem: Problem;

  constructor(name: ProblemName, detail: string, members?: Readonly<Record<string, unknown>>) {
    super(detail);
    this.problem = toProblem(name, detail, members);
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
  if (isDatabaseAway(error))
    return toProblem("unavailable", "the database does not answer; nothing was kept, try again");
  const known = isFastifyError(error) ? FASTIFY[error.code] : undefined;
  if (known !== undefined && isFastifyError(error)) return toProblem(known, error.message);
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
  const errors = error.validation.map(({ instancePath, message }) => ({
    path: `${where}${instancePath.replace(/\/$/, "").replaceAll("/", ".")}`,
    message: message ?? "is not as documented",
  }));
  return toProblem("invalid-request", errors.map((e) => `${e.path}: ${e.message}`).join("; "), { errors });
}

/** Answers with a problem, under the request's id. */
export function sendProblem(
  request: Pick<FastifyRequest, "id">,
  reply: Pick<FastifyReply, "header" | "code" | "type" | "send">,
  problem: Problem,
): void {
  if (problem.status === 503) reply.header("retry-after", RETRY_AFTER_SECONDS);
  reply.code(problem.status);
  reply.type(PROBLEM_JSON);
  // Bytes, because Fastify puts a charset behind the type of a string.
  reply.send(Buffer.from(JSON.stringify({ ...problem, instance: `urn:slipway:request:${request.id}` })));
}

/** Fastify's error handler: an answer of ours for whatever was thrown. */
export function handleError(error: unknown, request: FastifyRequest, reply: FastifyReply): void {
  const problem = problemOf(error);
  if (problem.status === 500) {
    const cause = isResponseSerializationError(error) ? error.cause : undefined;
    request.log.error({ err: error, cause }, "a request failed");
  }
  sendProblem(request, reply, problem);
}
