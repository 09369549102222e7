import type { StackConfig } from "../configs/stack.ts";

/**
 * Whether a stack's keys, data, addresses and logs are protected from a deletion, by Pulumi and by AWS: the one decision for all platforms.
 *
 * In prod they are, until `teardown: true` says otherwise. Two runs take such a stack away: one `up` with it, that takes the
 * protections off, and one `destroy`. Elsewhere nothing is protected.
 */
export function keeps({ environment, teardown }: Pick<StackConfig, "environment" | "teardown">): boolean {
  return environment === "prod" && !teardown;
}
