import { z } from "zod";
import { SecretError } from "./secrets.ts";
import { choice, text, whole } from "./settings.ts";

/** Least length of the secret that every backup is closed with: 32 characters, which is 128 bits even as hex. */
export const BACKUP_KEY_MIN_LENGTH = 32;

/** Days of the week in UTC, in the order of `Date.getUTCDay`. */
export const WEEKDAYS = ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"] as const;
export type Weekday = (typeof WEEKDAYS)[number];

/** What runs, as every backup of it notes: digests of the images, and the configuration without its secrets. */
export interface Release {
  readonly images: Readonly<Record<string, string>>;
  readonly configuration: Readonly<Record<string, unknown>>;
}

const TIME_OF_DAY = "a time of day in UTC, such as 02:30";
const OFFSITE = "file:///absolute/folder or s3://bucket/folder";
const ENDPOINT = "an address such as https://s3.example.com";
const RELEASE = 'JSON: {"images": {name: digest}, "configuration": {...}}';

const releaseSchema = z.strictObject({
  images: z.record(z.string(), z.string()),
  configuration: z.record(z.string(), z.unknown()),
});

const release = z
  .string()
  .default('{"images":{},"configuration":{}}')
  .transform((json, context): Release => {
    const parsed = parseRelease(json);
    if (parsed) return parsed;
    context.addIssue({ code: "custom", message: RELEASE });
    return z.NEVER;
  });

/** What runs, from its JSON; nothing where that is not as it must be. */
export function parseRelease(json: string): Release | undefined {
  try {
    return releaseSchema.parse(JSON.parse(json));
  } catch {
    return undefined;
  }
}

/** What only the backup agent reads; the database, Redis and the object store stand in runtime.ts. */
export const BACKUP_SETTINGS = {
  /** The live cluster, or what a restore fills. */
  POSTGRES_DATA_DIR: text("the path of a folder").default("/var/lib/postgresql/data"),
  /** Folder of its socket, on which its superuser is let in as user `postgres` of the system. */
  POSTGRES_SOCKET_DIR: text("the path of a folder").default("/run/slipway/postgres"),
  /** How the cluster that serves is asked: on its socket, or as the product's own role over the network, where the socket is out of reach. */
  POSTGRES_ASKED: choice(["socket", "network"]).default("socket"),
  /** Repository 1. */
  BACKUP_REPOSITORY_DIR: z
    .string()
    .regex(/^\/./, { error: "the absolute path of a folder" })
    .default("/var/lib/slipway/backups"),
  /** Repository 2, elsewhere: another disk, another host's folder, or S3. */
  BACKUP_OFFSITE_URL: z
    .string()
    .regex(/^(file:\/\/\/.|s3:\/\/[a-z0-9][a-z0-9.-]+[a-z0-9](\/|$))/, { error: OFFSITE })
    .optional(),
  /** S3 that is not AWS's own. */
  BACKUP_OFFSITE_ENDPOINT: z
    .string()
    .regex(/^https?:\/\/[^/\s]+$/, { error: ENDPOINT })
    .optional(),
  BACKUP_OFFSITE_REGION: text("the name of a region, such as eu-central-1").optional(),
  BACKUP_OFFSITE_CA_FILE: text("the path of a PEM file").optional(),
  BACKUP_DAILY_AT: z
    .string()
    .regex(/^([01]\d|2[0-3]):[0-5]\d$/, { error: TIME_OF_DAY })
    .default("02:30"),
  BACKUP_FULL_ON: choice(WEEKDAYS).default("sunday"),
  BACKUP_KEEP_DAYS: whole(28, 3650, 28),
  /** Days between two drills. */
  BACKUP_DRILL_DAYS: whole(1, 90, 7),
  /** Whether drills are the agent's own work, or that of a pod beside it. */
  BACKUP_DRILLS: choice(["own", "elsewhere"]).default("own"),
  /** Folder in which drills restore. @default that of repository 1 */
  BACKUP_DRILL_DIR: z.string().regex(/^\/./, { error: "the absolute path of a folder" }).optional(),
  BACKUP_RELEASE: release,
  /** File with the same, read with each backup: what changes in it starts nothing anew. */
  BACKUP_RELEASE_FILE: text("the path of a file of JSON").optional(),
} as const;

interface OffsiteSettings {
  readonly BACKUP_OFFSITE_URL?: string | undefined;
  readonly BACKUP_OFFSITE_REGION?: string | undefined;
}

/** What one field alone cannot say. */
export function checkOffsite(settings: OffsiteSettings, context: z.RefinementCtx): void {
  if (settings.BACKUP_OFFSITE_URL?.startsWith("s3:") && settings.BACKUP_OFFSITE_REGION === undefined) {
    const message = "the region of the bucket, such as eu-central-1, where BACKUP_OFFSITE_URL is s3://";
    context.addIssue({ code: "custom", path: ["BACKUP_OFFSITE_REGION"], message });
  }
}

/**
 * Checks the secret that every backup is closed with.
 *
 * @throws SecretError without a word of it
 */
export function checkBackupKey(secret: string): void {
  if (secret.length >= BACKUP_KEY_MIN_LENGTH) return;
  throw new SecretError(
    `the secret backup-key has ${secret.length} characters, must have at least ${BACKUP_KEY_MIN_LENGTH}; generate a longer one`,
  );
}
