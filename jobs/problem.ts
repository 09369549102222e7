/**
 * Every error that a client may see, by the last part of its type (RFC 9457). The type is a URN: it names the error and
 * leads nowhere.
 */
export const PROBLEMS = {
  "invalid-request": { status: 400, title: "The request is not as documented" },
  "malformed-body": { status: 400, title: "The body is no JSON" },
  "invalid-cursor": { status: 400, title: "The cursor is not one of this list" },
  "invalid-idempotency-key": { status: 400, title: "The Idempotency-Key is not as documented" },
  "credentials-missing": { status: 401, title: "The request has no credentials" },
  "token-invalid": { status: 401, title: "The token is not accepted" },
  "token-expired": { status: 401, title: "The token has expired" },
  "signature-invalid": { status: 401, title: "The signature is not accepted" },
  "timestamp-outside-window": { status: 401, title: "The request was signed too early or too late" },
  "request-replayed": { status: 401, title: "The signed request was taken before" },
  "scope-missing": { status: 403, title: "The credentials do not allow this" },
  "not-found": { status: 404, title: "There is nothing here" },
  "job-not-found": { status: 404, title: "There is no such job" },
  "batch-not-found": { status: 404, title: "There is no such batch" },
  "schedule-not-found": { status: 404, title: "There is no such schedule" },
  "no-artifact": { status: 404, title: "The job has no artifact" },
  "method-not-allowed": { status: 405, title: "The address does not take this method" },
  "not-acceptable": { status: 406, title: "There is no answer of a type that the client takes" },
  "request-timeout": { status: 408, title: "The request came too slowly" },
  "not-finished": { status: 409, title: "The job has not finished" },
  "already-ended": { status: 409, title: "The job or batch has ended already" },
  "already-succeeded": { status: 409, title: "The job has succeeded; there is nothing to try again" },
  "idempotency-conflict": { status: 409, title: "The Idempotency-Key belongs to another request" },
  "member-failed": { status: 409, title: "Members of the batch did not succeed" },
  "schedule-fixed": { status: 409, title: "The schedule belongs to a kind of job" },
  "body-too-large": { status: 413, title: "The body is too large" },
  "unsupported-media-type": { status: 415, title: "The body has a type that is not taken" },
  "range-not-satisfiable": { status: 416, title: "The range lies outside of the artifact" },
  "unknown-kind": { status: 422, title: "There is no such kind of job" },
  "invalid-params": { status: 422, title: "The parameters do not fit the kind of job" },
  "rate-limited": { status: 429, title: "Too many requests" },
  "queue-full": { status: 429, title: "The queue is full" },
  "too-many-streams": { status: 429, title: "Too many event streams are open" },
  "too-many-headers": { status: 431, title: "The headers are too large" },
  internal: { status: 500, title: "Something failed on our side" },
  "not-ready": { status: 503, title: "Not ready" },
  overloaded: { status: 503, title: "Too much to do for the moment" },
  unavailable: { status: 503, title: "Not available for the moment" },
} as const satisfies Record<string, { status: number; title: string }>;

export type ProblemName = keyof typeof PROBLEMS;

/** What stands before the name of a problem in its type. */
export const PROBLEM_TYPE = "urn:slipway:problem:";

/** Media type of every error's body. */
export const PROBLEM_JSON = "application/problem+json";

/** Body of an error. Members beside these five belong to the type. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  /** What was wrong this time, and how to put it right. */
  readonly detail: string;
  /** The request that it happened to. */
  readonly instance?: string;
  readonly [member: string]: unknown;
}

/** Makes the body of an error. */
export function toProblem(name: ProblemName, detail: string, members: Readonly<Record<string, unknown>> = {}): Problem {
  return { type: `${PROBLEM_TYPE}${name}`, ...PROBLEMS[name], detail, ...members };
}
