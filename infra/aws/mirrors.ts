import { Secret } from "@pulumi/aws/secretsmanager/secret.js";
import { SecretVersion } from "@pulumi/aws/secretsmanager/secretVersion.js";
import { secret, type Input, type Output } from "@pulumi/pulumi";
import type { MirrorSettings } from "../../configs/aws-data-settings.ts";
import { SECRET_KEYS, type SecretKey } from "../../configs/stack.ts";
import type { StackSecrets } from "../secrets.ts";
import { options, tagged, type AwsPlace } from "./place.ts";

export interface MirrorArgs {
  readonly settings: MirrorSettings;
  readonly secrets: StackSecrets;
  /** ARN of the KMS key that encrypts them. */
  readonly keyArn: Input<string>;
  readonly place: AwsPlace;
}

/** ARN of the mirror of each secret; empty where the stack's file has turned them off. */
export type Mirrors = Readonly<Partial<Record<SecretKey, Output<string>>>>;

/**
 * The stack's secrets once more in Secrets Manager, for people and programs of the account that may read them there. The stack's own stay the
 * truth: a mirror that was changed by hand is drift. Processes never read them; their secrets come as files.
 *
 * They have no policy of their own: who reads them needs a role that may, and the key with it.
 */
export function mirrors({ settings, secrets, keyArn, place }: MirrorArgs): Mirrors {
  if (!settings.enabled) return {};
  return Object.fromEntries(
    SECRET_KEYS.map((key) => {
      const name = `secret-${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
      const mirror = new Secret(
        name,
        {
          description: `${key} of the stack ${place.stack}`,
          kmsKeyId: keyArn,
          recoveryWindowInDays: place.keep ? settings.recoveryDays : 0,
          tags: tagged(place, name),
        },
        // Its value is the stack's: a mirror can be made again, so it is not protected.
        options(place),
      );
      new SecretVersion(name, { secretId: mirror.id, secretString: secret(secrets[key]) }, options(place));
      return [key, mirror.arn] as const;
    }),
  );
}
