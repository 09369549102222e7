import { z } from "zod";
import { authTokenFault } from "./aws-data-settings.ts";
import { credentialSlots, isKept, slotKey, SLOTS, type Rotated } from "./credential-slots.ts";
import { parseHmacKeys, parseJwtKeys } from "./credential-keys.ts";
import { ignoredOnAws } from "./ignored-on-aws.ts";
import { AES_SECRET_MIN_LENGTH, SecretError } from "./secrets.ts";
import { crossFaults } from "./stack-faults.ts";
import { stackFields } from "./stack-fields.ts";

/** What is wrong with a secret's text, without the text itself; `undefined` when nothing is. */
type SecretCheck = (text: string) => string | undefined;

const password: SecretCheck = (text) =>
  /^[\w-]{16,}$/.test(text) ? undefined : `(${text.length} characters) must be at least 16 letters, digits, - or _.`;

/**
 * Secrets of a stack and what each must look like. What the stack does not bring is generated:
 * `pulumi config set --secret databasePassword ...`. Key rings hold any number of slots, so that keys can be rotated:
 * `{"keys": [...]}`, docs/api.md says of what.
 */
const SECRETS = {
  databasePassword: password,
  databaseOwnerPassword: password,
  redisPassword: password,
  /** Keys that tokens are checked with; one is generated. */
  jwtKeys: keyRing(parseJwtKeys),
  /** Keys that requests are signed with, and whose they are; none at first. */
  hmacKeys: keyRing(parseHmacKeys),
} as const satisfies Record<string, SecretCheck>;

export type SecretKey = keyof typeof SECRETS;
export const SECRET_KEYS = Object.keys(SECRETS) as readonly SecretKey[];

/** A key of a bucket: it is written into a file that has lines and comments. */
const bucketKey: SecretCheck = (text) =>
  /^[!-~]{3,256}$/.test(text) ? undefined : `(${text.length} characters) must be 3 to 256 characters without a space.`;

/** What opens `ENC(...)` values; a password of any characters. */
const aesSecret: SecretCheck = (text) =>
  text.length >= AES_SECRET_MIN_LENGTH
    ? undefined
    : `(${text.length} characters) must be at least ${AES_SECRET_MIN_LENGTH} characters.`;

/** Secrets that a stack may bring besides. */
const GIVEN_SECRETS = {
  /** Those of the second slot; `slipway:credentials` says which slot serves. */
  databasePasswordSecond: password,
  databaseOwnerPasswordSecond: password,
  redisPasswordSecond: password,
  jwtKeysSecond: keyRing(parseJwtKeys),
  /** What opens `ENC(...)` values of programs; without one there are none. */
  aesSecret,
  aesSecretSecond: aesSecret,
  /** Content of a kubeconfig, in place of `kubernetes.kubeconfig`. */
  kubeconfig: (text) =>
    /^\s*(\{|apiVersion:|clusters:)/m.test(text) ? undefined : "is no kubeconfig: it names no clusters.",
  /** The two that open the bucket of `kubernetes.objects.url`. */
  objectsAccessKeyId: bucketKey,
  objectsSecretAccessKey: bucketKey,
  /** The two that open the bucket of `backup.offsite.s3`. */
  offsiteAccessKeyId: bucketKey,
  offsiteSecretAccessKey: bucketKey,
  /** Where `slipway health --alert` posts to, and the server that it sends mail by; both hold credentials. */
  alertWebhook: (text) =>
    /^https?:\/\/\S+$/.test(text) ? undefined : "is no address such as https://hooks.example.org/...",
  alertSmtp: (text) =>
    /^smtps?:\/\/\S+$/.test(text)
      ? undefined
      : "is no address such as smtps://user:password@mail.example.org, with what is special in it percent-encoded.",
  /** What every backup is closed with; generated where backups are made and the stack brings none. */
  backupKey: (text) =>
    /^[\w-]{32,256}$/.test(text) ? undefined : `(${text.length} characters) must be 32 to 256 letters, digits, - or _.`,
} as const satisfies Record<string, SecretCheck>;

const BUCKET_KEYS = ["objectsAccessKeyId", "objectsSecretAccessKey"] as const;
const OFFSITE_KEYS = ["offsiteAccessKeyId", "offsiteSecretAccessKey"] as const;

const CHECKS: Readonly<Record<string, SecretCheck>> = { ...SECRETS, ...GIVEN_SECRETS };

function keyRing(parse: (text: string) => unknown): SecretCheck {
  return (text) => {
    try {
      parse(text);
      return undefined;
    } catch (error) {
      if (!(error instanceof SecretError)) throw error;
      return `is no key ring: ${error.message}.`;
    }
  };
}

/** The same, with what keys say against each other. */
export const stackSchema = stackFields.superRefine((stack, context) => {
  for (const [path, message] of crossFaults(stack))
    context.addIssue({ code: "custom", path: path.split("."), message });
});

export type StackConfig = z.infer<typeof stackSchema>;

/** What the engine hands over: values as text, and which of them are secret. Keys are without the `slipway:` prefix. */
export interface RawConfig {
  readonly values: Readonly<Record<string, string>>;
  readonly isSecret: (key: string) => boolean;
}

/** A stack file with faults. The message lists every one of them. */
export class StackConfigError extends Error {
  constructor(file: string, faults: readonly string[]) {
    super(
      `${file} has ${faults.length} fault${faults.length === 1 ? "" : "s"}; nothing was created or changed.\n` +
        faults.map((fault) => `  - ${fault}`).join("\n") +
        `\nMend them in ${file}; every key, its range and default: configs/stack-fields.ts.`,
    );
    this.name = "StackConfigError";
  }
}

/**
 * Parses a stack's configuration once, at the edge.
 *
 * @param stack the stack's name, for messages
 * @param raw   what the engine holds
 * @throws StackConfigError with every fault: where, what was got (never a secret), what is allowed
 */
export function parseStackConfig(stack: string, raw: RawConfig): StackConfig {
  const file = `Pulumi.${stack}.yaml`;
  const faults: string[] = [];
  const entries: [string, unknown][] = [];
  for (const [key, text] of Object.entries(raw.values)) {
    const check = Object.hasOwn(CHECKS, key) ? CHECKS[key] : undefined;
    if (check) {
      if (!raw.isSecret(key)) faults.push(`slipway:${key} stands in clear. Use \`pulumi config set --secret ${key}\`.`);
      else faults.push(...[check(text)].filter((fault) => fault !== undefined).map((f) => `slipway:${key} ${f}`));
    } else if (raw.isSecret(key)) {
      faults.push(`slipway:${key} is set as a secret; the secrets are: ${Object.keys(CHECKS).join(", ")}.`);
    } else {
      entries.push([key, scalar(text)]);
    }
  }
  // Not by assignment: a key named __proto__ would become the object's prototype.
  const input: unknown = Object.fromEntries(entries);
  const parsed = stackSchema.safeParse(input);
  faults.push(...ignoredOnAws(input).map(([path, message]) => faultAt(path.split("."), message, input)));
  if (!parsed.success) faults.push(...parsed.error.issues.flatMap((issue) => describe(issue, input)));
  else
    faults.push(
      ...missingSecrets(parsed.data, raw),
      ...bucketFaults(parsed.data, raw),
      ...offsiteFaults(parsed.data, raw),
      ...secretFaults(parsed.data, raw),
    );
  if (faults.length > 0 || !parsed.success) throw new StackConfigError(file, faults);
  return parsed.data;
}

/** What a secret must look like besides, where the platform has rules of its own. */
function secretFaults({ platform }: StackConfig, { values }: RawConfig): string[] {
  const { redisPassword } = values;
  const fault = platform === "aws" && redisPassword !== undefined ? authTokenFault(redisPassword) : undefined;
  return fault === undefined ? [] : [`slipway:redisPassword ${fault}`];
}

/** A bucket that exists is opened by both of its keys, or by the role that the pods' accounts stand for; where there is none, keys open nothing. */
function bucketFaults({ kubernetes }: StackConfig, { values }: RawConfig): string[] {
  const { url, serviceAccountAnnotations } = kubernetes?.objects ?? {};
  const given = BUCKET_KEYS.filter((key) => Object.hasOwn(values, key));
  if (url === undefined)
    return given.map(
      (key) => `slipway:${key} opens nothing without slipway:kubernetes.objects.url. Remove it or set that.`,
    );
  if (given.length === 0 && serviceAccountAnnotations !== undefined) return [];
  return BUCKET_KEYS.filter((key) => !given.includes(key)).map(
    (key) =>
      `slipway:${key} is missing, which opens kubernetes.objects.url. Use \`pulumi config set --secret ${key}\`` +
      (given.length === 0 ? ", or set kubernetes.objects.serviceAccountAnnotations." : "."),
  );
}

/** The bucket of backups is opened by both of its keys. */
function offsiteFaults({ backup }: StackConfig, { values }: RawConfig): string[] {
  const isNeeded = backup?.offsite?.s3 !== undefined;
  return OFFSITE_KEYS.filter((key) => Object.hasOwn(values, key) !== isNeeded).map((key) =>
    isNeeded
      ? `slipway:${key} is missing, which opens backup.offsite.s3. Use \`pulumi config set --secret ${key}\`.`
      : `slipway:${key} opens nothing without slipway:backup.offsite.s3. Remove it or set that.`,
  );
}

/** A server that exists already has passwords already: one that is generated would open nothing. */
const NEEDED: Readonly<Record<"postgres" | "redis", { readonly of: Rotated; readonly keys: readonly SecretKey[] }>> = {
  postgres: { of: "database", keys: ["databasePassword", "databaseOwnerPassword"] },
  redis: { of: "redis", keys: ["redisPassword"] },
};

function missingSecrets({ kubernetes, credentials }: StackConfig, { values }: RawConfig): string[] {
  const missing = (of: Rotated, keys: readonly string[], what: string) =>
    SLOTS.filter((slot) => isKept(credentialSlots(credentials)[of], slot))
      .flatMap((slot) => keys.map((key) => slotKey(key, slot)))
      .filter((key) => !Object.hasOwn(values, key))
      .map((key) => `slipway:${key} is missing, which ${what}. Use \`pulumi config set --secret ${key}\`.`);
  return [
    ...(["postgres", "redis"] as const).flatMap((server) =>
      kubernetes?.[server].external === undefined
        ? []
        : missing(NEEDED[server].of, NEEDED[server].keys, `opens kubernetes.${server}.external`),
    ),
    ...(credentials === undefined || (credentials.aes.slot === "first" && credentials.aes.other === "none")
      ? []
      : missing("aes", ["aesSecret"], "credentials.aes names")),
  ];
}

/** Pulumi hands numbers, booleans and objects over as JSON text, and plain strings as they are. */
function scalar(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

function describe(issue: z.core.$ZodIssue, input: unknown): string[] {
  const where = `slipway:${issue.path.map(String).join(".")}`;
  if (issue.code === "unrecognized_keys") {
    const prefix = issue.path.length === 0 ? "slipway:" : `${where}.`;
    return issue.keys.map((key) => `${prefix}${key} is not a key of this program. Remove it or correct its name.`);
  }
  return [faultAt(issue.path, issue.message, input)];
}

function faultAt(path: readonly PropertyKey[], message: string, input: unknown): string {
  const got = path.reduce<unknown>((value, step) => property(value, step), input);
  return `slipway:${path.map(String).join(".")} is ${got === undefined ? "missing" : JSON.stringify(got)}: ${message}.`;
}

function property(value: unknown, step: PropertyKey): unknown {
  return typeof value === "object" && value !== null ? (value as Record<PropertyKey, unknown>)[step] : undefined;
}
