import { z } from "zod";
import { awsBackupFaults, awsBackupSchema } from "./aws-backup-settings.ts";
import { generationFaults, generations } from "./aws-generations.ts";
import { dailyWindow, meet, weeklyWindow } from "./aws-windows.ts";
import { fraction } from "./fraction.ts";
import type { AppEnvironment } from "./runtime.ts";

/** Where a file with the authorities of RDS' certificates is to be had. */
const BUNDLE_SOURCE = "https://truststore.pki.rds.amazonaws.com/<region>/<region>-bundle.pem";

/** Engines of ElastiCache. Both speak Redis 7's protocol; Valkey costs a fifth less and is the one that goes on. */
export const CACHE_ENGINES = {
  valkey: { version: "8.1", family: "valkey8" },
  redis: { version: "7.1", family: "redis7" },
} as const satisfies Record<string, { readonly version: string; readonly family: string }>;

type CacheEngine = keyof typeof CACHE_ENGINES;
const ENGINE_NAMES = Object.keys(CACHE_ENGINES) as [CacheEngine, ...CacheEngine[]];

/** Days that CloudWatch can keep a log for; it takes no others. */
const LOG_DAYS = [30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653] as const;

/** Seconds between two looks of RDS' enhanced monitoring. */
const MONITORING_SECONDS = [1, 5, 10, 15, 30, 60] as const;

const days = (least: number, most: number, fallback: number) => z.number().int().min(least).max(most).default(fallback);

const logDays = z.literal(LOG_DAYS, { error: `must be one of ${LOG_DAYS.join(", ")} days` }).default(90);

const bucketName = z
  .string()
  .regex(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/, { error: "must be the name of a bucket: 3 to 63 of a-z, 0-9, . and -" });

/** A bucket of the team's own, which its service may write logs to already. */
const logBucket = z.strictObject({
  bucket: bucketName,
  /** Without a slash at either end. @default the stack's name */
  prefix: z
    .string()
    .regex(/^[^/].*[^/]$|^[^/]$/, { error: "must not begin or end with a slash" })
    .optional(),
});

const database = z
  .strictObject({
    /** Of Postgres, 15 or newer, with its minor version: RDS upgrades nothing by itself, an upgrade is a change of this file. */
    engineVersion: z
      .string()
      .regex(/^(1[5-9]|[2-9]\d)\.\d+$/, { error: "must be 15 or newer with its minor version, such as 17.7" })
      .default("17.7"),
    /** Days back to which it can be restored, to the second. */
    backupRetentionDays: days(7, 35, 35),
    /** Snapshots of every day; 30 minutes at least. It must not meet `maintenanceWindow`. */
    backupWindow: dailyWindow(30).default("02:00-03:00"),
    maintenanceWindow: weeklyWindow(30).default("sun:04:00-sun:05:00"),
    /** GiB up to which RDS adds storage when it runs out. @default twice what the size says */
    maxStorageGiB: z.number().int().min(22).max(65_536).optional(),
    /** Statements that take longer are logged, milliseconds. */
    slowStatementMs: z.number().int().min(10).max(3_600_000).default(1000),
    monitoringSeconds: z
      .literal(MONITORING_SECONDS, { error: `must be one of ${MONITORING_SECONDS.join(", ")} seconds` })
      .default(60),
    /** Days that its logs are kept. */
    logDays,
    /**
     * Days after which RDS gives its master user another password. Who has set it goes back by saying 7, not by leaving it out.
     *
     * @default RDS' own, 7
     */
    masterRotationDays: z.number().int().min(1).max(365).optional(),
    /**
     * Path of the PEM file with RDS' authorities, from the root of the project. No process knows them by itself: without the file
     * nobody could tell this database from another.
     */
    caBundle: z.string().min(1).optional(),
    /**
     * RDS Proxy has no use here: it refuses start-up options of connections, which ours have, and keeps a connection for one client after
     * `set_config` or an advisory lock. docs/adr/0008-database-proxy.md says more.
     */
    proxy: z
      .literal("off", {
        error:
          "must be off: RDS Proxy refuses the start-up options of our connections and would share none of them " +
          "(docs/adr/0008-database-proxy.md). Lower the replicas or take a greater database instead",
      })
      .default("off"),
    ...generations,
  })
  .refine(({ backupWindow, maintenanceWindow }) => !meet(backupWindow, maintenanceWindow), {
    path: ["backupWindow"],
    error: "must not meet maintenanceWindow, on whatever day",
  })
  .prefault({});

const cache = z
  .strictObject({
    engine: z.enum(ENGINE_NAMES).default("valkey"),
    /** One primary and its replicas, each in a zone of its own where there are so many. */
    nodes: z.number().int().min(2).max(6).default(2),
    /** Days that its daily snapshots are kept. Postgres fills an empty cache again; a snapshot only spares that. */
    snapshotRetentionDays: days(1, 35, 7),
    /** An hour at least. It must not meet `maintenanceWindow`. */
    snapshotWindow: dailyWindow(60).default("03:00-04:00"),
    maintenanceWindow: weeklyWindow(60).default("sun:05:00-sun:06:00"),
    /** Days that its logs are kept. */
    logDays,
  })
  .refine(({ snapshotWindow, maintenanceWindow }) => !meet(snapshotWindow, maintenanceWindow), {
    path: ["snapshotWindow"],
    error: "must not meet maintenanceWindow, on whatever day",
  })
  .prefault({});

const objects = z
  .strictObject({
    /** Days after which S3 deletes an artifact, whatever its job says. @default never: the product deletes by its own rules */
    artifactDays: z.number().int().min(1).max(36_500).optional(),
    /** Days for which a deleted or overwritten object can be brought back. */
    noncurrentDays: days(1, 3650, 30),
    /** Days after which parts of an upload that never ended go. */
    abortUploadDays: days(1, 30, 3),
    /** Where S3 notes each request. @default nowhere */
    accessLogs: logBucket.optional(),
    /** Region of a second bucket that has everything too. @default none */
    replicaRegion: z
      .string()
      .regex(/^[a-z]{2}(-[a-z]+)+-\d+$/, { error: "must be a region, such as eu-central-1" })
      .optional(),
  })
  .prefault({});

const registry = z
  .strictObject({
    /** Images that each repository keeps, the latest. It must be more than a rollback goes back. */
    keepImages: z.number().int().min(10).max(1000).default(50),
    /** Days after which an image without a tag goes. */
    untaggedDays: days(1, 365, 7),
  })
  .prefault({});

const mirrors = z
  .strictObject({
    /** Whether the stack's secrets stand in Secrets Manager too, for people and programs that may read them there. */
    enabled: z.boolean().default(true),
    /** Days for which a deleted mirror can be brought back; without protection it goes at once. */
    recoveryDays: days(7, 30, 30),
  })
  .prefault({});

const topic = z.string().regex(/^arn:[\w-]+:sns:/, { error: "must be the ARN of an SNS topic" });

const budget = z
  .strictObject({
    /** What a month may cost, US dollars. It counts what bears the stack's tag; activate `slipway:stack` as a cost allocation tag once. */
    monthlyUsd: fraction(z.number().positive().max(10_000_000)),
    /** Percent of it, spent, at which a notice goes out. */
    alertPercents: z.array(z.number().int().min(1).max(1000)).min(1).max(4).default([50, 80, 100]),
    /** Percent of it, expected by the end of the month, at which one goes out. */
    forecastPercent: z.number().int().min(1).max(1000).default(100),
    emails: z.array(z.email()).max(10).default([]),
    /** ARNs of SNS topics that AWS Budgets may publish to; AWS takes one for each notice. */
    topics: z.array(topic).max(1).default([]),
  })
  .refine(({ emails, topics }) => emails.length + topics.length > 0, {
    path: ["emails"],
    error: "must name somebody, or topics must: nobody would hear of the budget",
  });

const alarms = z
  .strictObject({
    /** ARNs of SNS topics that CloudWatch may publish to; it tells them of each alarm, and of its end. Without one they only show. */
    topics: z.array(topic).max(5).default([]),
  })
  .prefault({});

/** Requests of one address in five minutes: what one tenant may make at the default of `api.rateLimitPerSecond`. */
const FIREWALL_RATE = 300_000;

const firewall = z
  .strictObject({
    /** `count` blocks nothing and notes what it would have blocked. */
    mode: z.enum(["block", "count"]).default("block"),
    /** Requests that one address may make in five minutes. */
    requestsPerFiveMinutes: z.number().int().min(10).max(2_000_000_000).default(FIREWALL_RATE),
    /** AWS's rules against SQL in requests. They also find it in texts that are to be spoken, and ours reaches Postgres as parameters alone. */
    sqlInjection: z.boolean().default(false),
    /** Days that its log of blocked requests is kept. */
    logDays,
  })
  .prefault({});

const edge = z.strictObject({
  /** Name that the public reaches the API by. */
  host: z.string().regex(/^(?=.{4,253}$)([a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?\.)+[a-z]{2,63}$/, {
    error: "must be a host name, such as api.example.org",
  }),
  /** Route 53 zone in which that name stands. */
  zoneId: z.string().regex(/^Z[A-Z0-9]{5,31}$/, { error: "must be the id of a hosted zone, such as Z0123456789ABC" }),
  /** Who may reach it. */
  cidrs: z.array(z.cidrv4()).min(1).max(20).default(["0.0.0.0/0"]),
  /** Where the load balancer notes each request: a bucket that it may write to. @default nowhere */
  accessLogs: logBucket.optional(),
  firewall,
});

/** What `aws.data` of a stack's file may say: the data services, the registry, alarms and the budget, and the public edge. */
export const awsDataSchema = z.strictObject({
  database,
  cache,
  objects,
  backup: awsBackupSchema,
  registry,
  mirrors,
  alarms,
  budget: budget.optional(),
  edge: edge.optional(),
});

export type AwsDataSettings = z.infer<typeof awsDataSchema>;
export type DatabaseSettings = AwsDataSettings["database"];
export type CacheSettings = AwsDataSettings["cache"];
export type ObjectSettings = AwsDataSettings["objects"];
export type RegistrySettings = AwsDataSettings["registry"];
export type MirrorSettings = AwsDataSettings["mirrors"];
export type AlarmSettings = AwsDataSettings["alarms"];
export type BudgetSettings = NonNullable<AwsDataSettings["budget"]>;
export type EdgeSettings = NonNullable<AwsDataSettings["edge"]>;
export type FirewallSettings = EdgeSettings["firewall"];

/**
 * What is wrong with `redisPassword` on AWS, without the text itself; `undefined` when nothing is. ElastiCache takes fewer characters than the
 * stack's other passwords may have.
 */
export function authTokenFault(text: string): string | undefined {
  return /^[A-Za-z0-9-]{16,128}$/.test(text)
    ? undefined
    : `(${text.length} characters) must be 16 to 128 letters, digits or - on AWS.`;
}

/**
 * What the keys say against each other and against the rest of the file.
 *
 * @param stack what the file says of itself, and where the stack is
 * @returns paths below `aws.data` with what is wrong there
 */
export function awsDataFaults(
  data: AwsDataSettings,
  stack: { readonly environment: AppEnvironment; readonly region: string; readonly account: string },
): [path: string, message: string][] {
  const faults: [string, string][] = [];
  if (data.database.caBundle === undefined)
    faults.push(["database.caBundle", `must name the PEM file of RDS' authorities; get it from ${BUNDLE_SOURCE}`]);
  if (data.edge === undefined) faults.push(["edge", "must say host and zoneId: where the public reaches the API"]);
  if (stack.environment === "prod" && data.budget === undefined)
    faults.push(["budget", "must say monthlyUsd and who hears of it, where environment is prod"]);
  if (data.objects.replicaRegion === stack.region)
    faults.push(["objects.replicaRegion", "must be another region than the stack's own"]);
  const { backupWindow, maintenanceWindow } = data.database;
  return [
    ...faults,
    ...under("database", generationFaults(data.database)),
    ...under("backup", awsBackupFaults(data.backup, { ...stack, backupWindow, maintenanceWindow })),
  ];
}

function under(key: string, faults: readonly (readonly [path: string, message: string])[]): [string, string][] {
  return faults.map(([path, message]) => [`${key}.${path}`, message]);
}
