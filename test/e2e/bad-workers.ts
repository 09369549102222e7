/** Edits of worker/run-attempt.ts: from and to. The kinds stay as they are, as the agent of backups has one of them in its image. */

/** Every attempt fails. */
export const FAILING = [
  "const outcome = await deps.runner.run(",
  'const outcome = await Promise.reject<never>(new Error("it fails")) ?? await deps.runner.run(',
] as const;

/** A job is not dead yet while the workers of a bad release are stopped. */
export const MORE_TRIES = ["failures >= kind.retry.maxAttempts", "failures >= 10"] as const;
