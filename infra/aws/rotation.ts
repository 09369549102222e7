import { SecretRotation } from "@pulumi/aws/secretsmanager/secretRotation.js";
import type { Output } from "@pulumi/pulumi";
import { options, type AwsPlace } from "./place.ts";

export interface RotationArgs {
  /** Logical name. */
  readonly name: string;
  /** ARN of a secret that a service of AWS manages: it rotates without a function of ours. */
  readonly secretArn: Output<string>;
  /** Days between two passwords, 1..365. */
  readonly days: number;
  readonly place: AwsPlace;
}

/**
 * When RDS gives its master user another password, other than after its own 7 days. Nothing of ours logs in with it but jobs that read it
 * when they start.
 */
export function rotation({ name, secretArn, days, place }: RotationArgs): SecretRotation {
  return new SecretRotation(
    name,
    {
      secretId: secretArn,
      // One that has just been made is fresh.
      rotateImmediately: false,
      rotationRules: { automaticallyAfterDays: days },
    },
    // It ends with its secret. Turned off before, it would be missing wherever the database stays after all.
    options(place, { retainOnDelete: true }),
  );
}
