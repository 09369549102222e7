import { givenOfBucket } from "./front-bucket-given.ts";
import type { AwsHandler } from "./front-wire.ts";

interface Policy {
  readonly Statement: readonly { readonly Condition?: unknown }[];
}

/**
 * Policies of buckets as they were given: moto looks at no condition, and would take "nobody without TLS" for "nobody". It is given those
 * statements alone that have none.
 */
export function bucketPolicy(): AwsHandler {
  return givenOfBucket("policy", unconditional);
}

function unconditional(text: string): string {
  const policy = JSON.parse(text) as Policy;
  return JSON.stringify({ ...policy, Statement: policy.Statement.filter(({ Condition }) => Condition === undefined) });
}
