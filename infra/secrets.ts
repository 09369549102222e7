import { Config, interpolate, secret, type Output } from "@pulumi/pulumi";
import { RandomPassword } from "@pulumi/random";
import { SECRET_KEYS, type SecretKey } from "../configs/stack.ts";

/** Every secret of a stack. */
export type StackSecrets = Readonly<Record<SecretKey, Output<string>>>;

/** 32 of 62 characters: 190 bits. Letters and digits alone, as they stand in URLs and configuration files. */
const LENGTH = 32;

/** The stack's own secret where `pulumi config set --secret` gave one, else one that is generated once and kept. */
export function stackSecrets(): StackSecrets {
  const config = new Config();
  const entries = SECRET_KEYS.map((key) => [key, config.getSecret(key) ?? generate(key)] as const);
  return Object.fromEntries(entries) as Record<SecretKey, Output<string>>;
}

/** 44 letters and digits are also the base64url of 33 bytes. */
const KEY_LENGTH = 44;

function generate(key: SecretKey): Output<string> {
  switch (key) {
    case "jwtKeys":
      return interpolate`{"keys":[{"kid":"generated","alg":"HS256","secret":"${random("jwt-key", KEY_LENGTH)}"}]}`;
    case "hmacKeys":
      return secret('{"keys":[]}');
    case "databasePassword":
    case "databaseOwnerPassword":
    case "redisPassword":
      return random(
        key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`),
        LENGTH,
      );
  }
}

/** Secrets of backups, where a stack makes its own. */
export interface BackupSecrets {
  /** What every backup is closed with. */
  readonly key: Output<string>;
  /** The two that open the bucket elsewhere, where there is one. */
  readonly bucket?: { readonly accessKeyId: Output<string>; readonly secretAccessKey: Output<string> };
}

/** The stack's own key, else one that is generated once and kept, whether or not backups are made: without it those that were made are lost. */
export function backupSecrets(): BackupSecrets {
  const config = new Config();
  const key = config.getSecret("backupKey") ?? random("backup-key", KEY_LENGTH);
  const [accessKeyId, secretAccessKey] = [
    config.getSecret("offsiteAccessKeyId"),
    config.getSecret("offsiteSecretAccessKey"),
  ];
  if (accessKeyId === undefined || secretAccessKey === undefined) return { key };
  return { key, bucket: { accessKeyId, secretAccessKey } };
}

function random(name: string, length: number): Output<string> {
  return new RandomPassword(name, { length, special: false }).result;
}
