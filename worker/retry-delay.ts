import type { RetryPolicy } from "../jobs/kind.ts";

const LONGEST_DELAY_MS = 3_600_000;

/**
 * Pause before the next attempt, in milliseconds.
 *
 * @param failures attempts that failed, the last one included, 1 or more
 * @param random from 0 up to 1
 */
export function retryDelay(policy: RetryPolicy, failures: number, random: number): number {
  const { delayMs, backoff = "fixed", maxDelayMs = LONGEST_DELAY_MS } = policy;
  switch (backoff) {
    case "fixed":
      return delayMs;
    case "exponential": {
      const full = Math.min(delayMs * 2 ** (failures - 1), maxDelayMs);
      return Math.round(full * (1 - random / 2));
    }
  }
}
