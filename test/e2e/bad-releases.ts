import type { Checkout } from "./checkout.ts";

/** An edit of sources. Those of workers are of files that are not in the image of the backups' agent too: in a cluster another agent starts Postgres anew. */
type Edit = readonly [path: string, from: string, to: string];

const PERFORM = "const outcome = await performWork(";

/** Every attempt of the kind `sum` fails. */
export const FAILING: Edit = [
  "worker/pool/run-place.ts",
  PERFORM,
  `const failure = { code: "handler-failed", message: "it fails" };
    const outcome = work.kind === "sum" ? { is: "failure", failure, permanent: false } as const : await performWork(`,
];

/** A job is not dead yet while the workers of a bad release are stopped. */
export const MORE_TRIES: Edit = [
  "worker/start-worker.ts",
  "const { pool, kinds, objects } = foundation;",
  `const { pool, kinds, objects } = foundation;
  for (const kind of kinds.values()) Object.assign(kind.retry, { maxAttempts: 1000 });`,
];

/** Another worker, which does the same. */
export const OTHER: Edit = ["worker/fitness.ts", "the worker takes jobs again", "the worker takes jobs once more"];

const LISTS_JOBS = "const { tenant } = credentialOf(request);\n    const { limit";

/** A route of the API fails: the list of a tenant's jobs. */
export const BAD_ROUTE: Edit = ["app/routes/jobs.ts", LISTS_JOBS, `throw new Error("it fails");\n    ${LISTS_JOBS}`];

export function undo(checkout: Checkout, [path, from, to]: Edit): void {
  checkout.edit(path, to, from);
}
