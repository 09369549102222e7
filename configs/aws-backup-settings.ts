import { z } from "zod";
import { daily, meet } from "./aws-windows.ts";
import type { AppEnvironment } from "./runtime.ts";

/** Days of the week, as cron expressions of AWS have them. */
export const BACKUP_DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"] as const;

/** AWS keeps no lock open for less. */
const LEAST_COOLING_OFF_DAYS = 3;

/** The most that RDS and S3 can be restored to each second of. */
const MOST_CONTINUOUS_DAYS = 35;

/** Four weeks: what every platform keeps at least. */
const LEAST_KEEP_DAYS = 28;

/** Within it AWS Backup begins a backup that is due. */
export const START_MINUTES = 60;

const lock = z
  .strictObject({
    /**
     * `governance`: whoever has the right may take the lock off, and nobody else deletes a backup early. `compliance`: once `coolingOffDays`
     * have passed nobody may, AWS neither: backups and the vault stay, and cost, until their days are over.
     */
    mode: z.enum(["governance", "compliance"]).default("governance"),
    /** Days in which a compliance lock can still be taken off; needed for it, and for it alone. */
    coolingOffDays: z.number().int().min(LEAST_COOLING_OFF_DAYS).max(36_500).optional(),
    /** Fewest days that the vault takes a backup for: nobody makes one that ends at once. */
    minRetentionDays: z.number().int().min(1).max(36_500).default(LEAST_KEEP_DAYS),
    /** Most days that it takes one for. @default what `weeklyKeepDays` says */
    maxRetentionDays: z.number().int().min(1).max(36_500).optional(),
  })
  .prefault({});

/** What `aws.data.backup` of a stack's file may say: backups of Postgres and artifacts in a vault of AWS Backup, and copies of them elsewhere. */
export const awsBackupSchema = z
  .strictObject({
    /** When backups begin, UTC: within the hour that follows. It must not meet windows of the database. */
    at: z
      .string()
      .regex(/^([01]\d|2[0-3]):[0-5]\d$/, { error: "must be a time of day, UTC, such as 06:00" })
      .default("06:00"),
    /** Day whose backup is kept for `weeklyKeepDays`; the others' are kept for `dailyKeepDays`. */
    weeklyOn: z.enum(BACKUP_DAYS).default("sun"),
    /** Days that a daily backup is kept, and artifacts can be restored to each second of. RDS has `database.backupRetentionDays` for that. */
    dailyKeepDays: z.number().int().min(LEAST_KEEP_DAYS).max(MOST_CONTINUOUS_DAYS).default(MOST_CONTINUOUS_DAYS),
    /** Days that a weekly backup is kept. */
    weeklyKeepDays: z.number().int().min(MOST_CONTINUOUS_DAYS).max(3650).default(365),
    /** Most days between two drills: a restore of Postgres into an instance beside, which is looked at, measured and deleted. */
    drillDays: z.number().int().min(1).max(90).default(7),
    lock,
    /**
     * Region with a second vault, which gets a copy of every backup; `none` where there is to be no copy.
     *
     * @default none; in prod it has to be said
     */
    copyRegion: z
      .string()
      .regex(/^(none|[a-z]{2}(-[a-z]+)+-\d+)$/, { error: "must be a region, such as eu-west-1, or none" })
      .optional(),
    /**
     * ARN of a vault of another account, which gets a copy too. That account owns it: its policy has to let this one do `backup:CopyIntoBackupVault`,
     * and both accounts have to be of one organization with cross-account backup turned on. @default none
     */
    copyVaultArn: z
      .string()
      .regex(/^arn:aws:backup:[a-z0-9-]+:\d{12}:backup-vault:[\w-]{2,50}$/, {
        error: "must be the ARN of a vault, such as arn:aws:backup:eu-west-1:210987654321:backup-vault:slipway",
      })
      .optional(),
  })
  .prefault({});

export type AwsBackupSettings = z.infer<typeof awsBackupSchema>;

/** The vault's bounds: what a backup may be kept for. */
export function retentionBounds({ lock, weeklyKeepDays }: AwsBackupSettings): {
  readonly min: number;
  readonly max: number;
} {
  return { min: lock.minRetentionDays, max: lock.maxRetentionDays ?? weeklyKeepDays };
}

/** Account of the vault that gets copies beside the stack's own. */
export function copyAccount({ copyVaultArn }: AwsBackupSettings): string | undefined {
  return copyVaultArn?.split(":")[4];
}

/** What the faults of backups depend on beside themselves. */
export interface BackupSurroundings {
  readonly environment: AppEnvironment;
  /** Of the stack. */
  readonly region: string;
  readonly account: string;
  /** Of the database. */
  readonly backupWindow: string;
  readonly maintenanceWindow: string;
}

/** What the keys say against each other and against the rest of the file: paths below `aws.data.backup`, and what is wrong there. */
export function awsBackupFaults(
  settings: AwsBackupSettings,
  around: BackupSurroundings,
): [path: string, message: string][] {
  return [...copyFaults(settings, around), ...lockFaults(settings), ...windowFaults(settings, around)];
}

function copyFaults(
  settings: AwsBackupSettings,
  { environment, region, account }: BackupSurroundings,
): [string, string][] {
  const faults: [string, string][] = [];
  if (settings.copyRegion === undefined && environment === "prod")
    faults.push([
      "copyRegion",
      "must name a second region where environment is prod, such as eu-west-1, or none where a copy is left out on purpose",
    ]);
  if (settings.copyRegion === region) faults.push(["copyRegion", "must be another region than the stack's own"]);
  if (copyAccount(settings) === account)
    faults.push([
      "copyVaultArn",
      "must be a vault of another account than the stack's own; for another region set copyRegion",
    ]);
  return faults;
}

function lockFaults(settings: AwsBackupSettings): [string, string][] {
  const { lock, dailyKeepDays, weeklyKeepDays } = settings;
  const { min, max } = retentionBounds(settings);
  const faults: [string, string][] = [];
  if (lock.mode === "compliance" && lock.coolingOffDays === undefined)
    faults.push([
      "lock.coolingOffDays",
      `must be ${LEAST_COOLING_OFF_DAYS} days or more where lock.mode is compliance: after them nobody takes the lock off any more`,
    ]);
  if (lock.mode === "governance" && lock.coolingOffDays !== undefined)
    faults.push([
      "lock.coolingOffDays",
      "must be left out where lock.mode is governance: with it AWS locks the vault for good",
    ]);
  // AWS Backup makes no backup that its vault does not take: every job would fail.
  if (min > Math.min(dailyKeepDays, weeklyKeepDays))
    faults.push([
      "lock.minRetentionDays",
      `must be at most dailyKeepDays, ${dailyKeepDays}: the vault would take no daily backup`,
    ]);
  if (max < Math.max(dailyKeepDays, weeklyKeepDays))
    faults.push([
      "lock.maxRetentionDays",
      `must be at least weeklyKeepDays, ${weeklyKeepDays}: the vault would take no weekly backup`,
    ]);
  return faults;
}

/** RDS does nothing else in its own windows, and a backup that is still running holds them up. */
function windowFaults(
  { at }: AwsBackupSettings,
  { backupWindow, maintenanceWindow }: BackupSurroundings,
): [string, string][] {
  const start = daily(at, START_MINUTES);
  return Object.entries({ backupWindow, maintenanceWindow })
    .filter(([, window]) => meet(start, window))
    .map(([name, window]) => ["at", `must not be within database.${name}, ${window}, or less than an hour before it`]);
}
