import { Config, type Output } from "@pulumi/pulumi";
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

function generate(key: SecretKey): Output<string> {
  const name = key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  return new RandomPassword(name, { length: LENGTH, special: false }).result;
}
