/**
 * Every error that a client may see, by the last part of its type (RFC 9457). The type is a URN: it names the error and
 * leads nowhere.
 */
export const PROBLEMS = {
  "invalid-request": { status: 400, title: "The request is not as documented" },
  "malformed-body": { status: 400, title: "The body is no JSON" },
  "not-found": { status: 404, title: "There is nothing here" },
  "job-not-found": { status: 404, title: "There is no such job" },
  "no-artifact": { status: 404, title: "The job has no artifact" },
  "method-not-allowed": { status: 405, title: "The address does not take this method" },
  "not-finished": { status: 409, title: "The job has not finished" },
  "body-too-large": { status: 413, title: "The body is too large" },
  "unsupported-media-type": { status: 415, title: "The body has a type that is not taken" },
  "unknown-kind": { status: 422, title: "There is no such kind of job" },
  "invalid-params": { status: 422, title: "The parameters do not fit the kind of job" },
  "too-many-headers": { status: 431, title: "The headers are too large" },
  internal: { status: 500, title: "Something failed on our side" },
  "not-ready": { status: 503, title: "Not ready" },
  unavailable: { status: 503, title: "Not available for the moment" },
} as const satisfies Record<string, { status: number; title: string }>;

export type ProblemName = keyof typeof PROBLEMS;

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
  return { type: `urn:slipway:problem:${name}`, ...PROBLEMS[name], detail, ...members };
}
