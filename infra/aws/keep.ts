import type { AppEnvironment } from "../../configs/runtime.ts";

/**
 * Whether a stack's keys, data, addresses and logs are protected from a deletion: the one decision that `place.keep` carries.
 *
 * In prod they are, until `aws.teardown: true` says otherwise. Two runs take such a stack away: one `up` with it, that takes the
 * protections off, and one `destroy`. Elsewhere nothing is protected.
 */
export function keeps(environment: AppEnvironment, { teardown }: { readonly teardown: boolean }): boolean {
  return environment === "prod" && !teardown;
}
