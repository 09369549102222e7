import { z } from "zod";
import { WEEKDAYS } from "./backup-settings.ts";
import { fraction } from "./fraction.ts";

/** A bucket that keeps copies elsewhere. The two keys that open it are secrets of the stack: offsiteAccessKeyId, offsiteSecretAccessKey. */
const s3 = z.strictObject({
  bucket: z.string().regex(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/, { error: "must be the name of a bucket" }),
  /** Folder in the bucket, for this stack alone. */
  prefix: z
    .string()
    .regex(/^[\w.-]+(\/[\w.-]+)*$/, { error: "must be names with slashes between them, and none at the ends" })
    .optional(),
  region: z.string().regex(/^[a-z0-9-]+$/, { error: "must be a region such as eu-central-1" }),
  /** Where it answers, such as https://s3.example.org. @default AWS's own in that region */
  endpoint: z
    .string()
    .regex(/^https:\/\/[a-z0-9.-]+(:\d{1,5})?$/, { error: "must be an address such as https://s3.example.org" })
    .optional(),
  /** Authority that signed its certificate, PEM. @default those that Debian knows */
  ca: z
    .string()
    .regex(/-----BEGIN CERTIFICATE-----/, { error: "must be a certificate in PEM" })
    .optional(),
  /**
   * In a cluster, networks that it may answer from: nothing else is reached.
   * @default every one where it is S3 itself, which has no addresses to name; every private one where `endpoint` is set
   */
  cidrs: z.array(z.cidrv4()).min(1).optional(),
});

/** Backups of a stack whose Postgres is its own, on a Docker engine or in a cluster; `slipway:backup` of its file. Times are in UTC. */
export const backupSchema = z.strictObject({
  enabled: z.boolean().default(true),
  /** When the daily backup begins, as `02:30`. */
  dailyAt: z
    .string()
    .regex(/^([01]\d|2[0-3]):[0-5]\d$/, { error: "must be a time of day such as 02:30" })
    .default("02:30"),
  /** The day on which it is a full one; on others it has what changed. */
  fullOn: z.enum(WEEKDAYS).default("sunday"),
  /** Days for which every moment can be restored. */
  keepDays: z.number().int().min(28).max(3650).default(28),
  /** Days between two drills: restores beside, that are measured and thrown away. */
  drillDays: z.number().int().min(1).max(90).default(7),
  /**
   * A second repository, on another disk or another host. `folder` is a folder of the engine's host that user 10003 may write: another disk, or what
   * another host exports; no pod may have one. @default none, which loses everything with the host, or with the cluster
   */
  offsite: z
    .strictObject({
      folder: z
        .string()
        .regex(/^\/[^,:]+$/, { error: "must be an absolute path without a comma or colon" })
        .optional(),
      s3: s3.optional(),
    })
    .refine(({ folder, s3: bucket }) => (folder === undefined) !== (bucket === undefined), {
      error: "must have either folder or s3",
    })
    .optional(),
  /** Limits of the container that backs up, and of those that start a second Postgres for drills and restores. */
  memoryMiB: z.number().int().min(512).max(1_048_576).default(768),
  cpus: fraction(z.number().min(0.1).max(256)).default(1),
});

export type BackupSettings = z.infer<typeof backupSchema>;

/** What such a stack does where its file leaves `backup` out: it makes them. */
export function backupSettings(given: BackupSettings | undefined): BackupSettings {
  return given ?? backupSchema.parse({});
}

/** The file's keys that say whether a stack in a cluster makes backups. */
interface ClusterKeys {
  readonly platform: string;
  readonly backup?: BackupSettings | undefined;
  readonly kubernetes?: { readonly postgres: { readonly external?: object | undefined } } | undefined;
}

/** How a stack in a cluster makes backups; nothing where it makes none, as of a Postgres that is not its own. */
export function backupsInCluster({ platform, backup, kubernetes }: ClusterKeys): BackupSettings | undefined {
  const settings = backupSettings(backup);
  const isOwn = platform === "kubernetes" && kubernetes?.postgres.external === undefined;
  return isOwn && settings.enabled ? settings : undefined;
}

/** The first generation: the one that has been there from the beginning. */
export const FIRST_GENERATION = "first";

const generation = z.string().regex(/^[a-z0-9-]{1,32}$/, {
  error: "must be 1 to 32 lowercase letters, digits and hyphens",
});

/**
 * Which volumes or claims serve; `slipway:data` of the stack's file. A restore fills a generation beside the one that serves, and
 * `slipway restore` writes both keys; nobody needs to by hand.
 */
export const dataSchema = z
  .strictObject({
    /** The generation that serves. */
    generation: generation.default(FIRST_GENERATION),
    /** Generations whose volumes stay beside it. One that is taken out of here is deleted by the next `up`. */
    kept: z
      .array(generation)
      .max(16)
      .refine((names) => new Set(names).size === names.length, { error: "must name each generation once" })
      .default([]),
  })
  .refine(({ generation: serving, kept }) => !kept.includes(serving), {
    path: ["kept"],
    error: "must not name the generation that serves",
  });

export type DataSettings = z.infer<typeof dataSchema>;

/** What serves where the file leaves `data` out. */
export function dataSettings(given: DataSettings | undefined): DataSettings {
  return given ?? dataSchema.parse({});
}
