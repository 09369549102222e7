import { z } from "zod";
import { PROBLEM_JSON, PROBLEMS, type ProblemName } from "../../jobs/problem.ts";

/** The body of every error (RFC 9457). */
export const problem = z.looseObject({
  type: z.string().describe("`urn:slipway:problem:` and the name of the problem; docs/bad-input.md lists them"),
  title: z.string(),
  status: z.int(),
  detail: z.string().describe("What was wrong this time, and how to put it right"),
  instance: z.string().optional().describe("The request, as the log knows it"),
});

/** An answer with an error: which ones a status may mean. */
export interface ProblemAnswer {
  readonly description: string;
  readonly content: { readonly [PROBLEM_JSON]: { readonly schema: typeof problem } };
}

/** What every address may answer. */
const ALWAYS = [
  "invalid-request",
  "not-found",
  "method-not-allowed",
  "request-timeout",
  "too-many-headers",
  "internal",
] as const;

/** What every address may answer that wants credentials. */
const GUARDED = [
  ...["credentials-missing", "token-invalid", "token-expired", "signature-invalid"],
  ...["timestamp-outside-window", "request-replayed", "scope-missing", "rate-limited", "not-acceptable"],
  ...["unavailable", "overloaded"],
] as readonly ProblemName[];

/** What every address may answer that takes a body. */
const WITH_BODY = ["malformed-body", "body-too-large", "unsupported-media-type"] as const;

/** Answers by status, as a route's schema has them. */
export type ProblemAnswers = Readonly<Record<number, ProblemAnswer>>;

/** Errors of a public route, beside what every address may answer. */
export function publicProblems(...names: readonly ProblemName[]): ProblemAnswers {
  return byStatus([...ALWAYS, ...names]);
}

/** Errors of a route that wants credentials. */
export function problems(...names: readonly ProblemName[]): ProblemAnswers {
  return byStatus([...ALWAYS, ...GUARDED, ...names]);
}

/** Errors of a route that wants credentials and takes a body. */
export function bodyProblems(...names: readonly ProblemName[]): ProblemAnswers {
  return problems(...WITH_BODY, ...names);
}

function byStatus(names: readonly ProblemName[]): ProblemAnswers {
  const statuses = new Map<number, Set<ProblemName>>();
  for (const name of names) {
    const { status } = PROBLEMS[name];
    statuses.set(status, (statuses.get(status) ?? new Set()).add(name));
  }
  return Object.fromEntries([...statuses].map(([status, members]) => [status, answerOf([...members])]));
}

function answerOf(names: readonly ProblemName[]): ProblemAnswer {
  const description = names.map((name) => `\`${name}\`: ${PROBLEMS[name].title}`).join("; ");
  return { description, content: { [PROBLEM_JSON]: { schema: problem } } };
}
