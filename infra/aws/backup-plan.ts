import { Plan } from "@pulumi/aws/backup/plan.js";
import { Selection } from "@pulumi/aws/backup/selection.js";
import type { Input } from "@pulumi/pulumi";
import { BACKUP_DAYS, START_MINUTES, type AwsBackupSettings } from "../../configs/aws-backup-settings.ts";
import type { BackupVault } from "./backup-vault.ts";
import { options, tagged, type AwsPlace } from "./place.ts";
import type { MadeRole } from "./role.ts";

export interface BackupPlanArgs {
  /** Logical name: `backup-database`. */
  readonly name: string;
  readonly settings: AwsBackupSettings;
  /** Whether it can be restored to each second of `dailyKeepDays`, and not only to what was backed up. */
  readonly isContinuous: boolean;
  /** ARNs of what is backed up, by the logical names of their selections. */
  readonly resources: Readonly<Record<string, Input<string>>>;
  readonly vault: BackupVault;
  /** ARNs of vaults that get a copy of each backup. */
  readonly copies: readonly Input<string>[];
  readonly role: MadeRole;
  readonly place: AwsPlace;
}

/** Minutes from its beginning in which a backup has to end. */
const COMPLETION_MINUTES = 12 * 60;

/** A backup of each day, one of the week kept longer, and what they are made of. */
export function backupPlan(args: BackupPlanArgs): void {
  const { name, settings, isContinuous, resources, role, place } = args;
  const { weeklyOn, dailyKeepDays, weeklyKeepDays } = settings;
  const days = BACKUP_DAYS.filter((day) => day !== weeklyOn);
  const plan = new Plan(
    name,
    {
      rules: [
        rule(args, { ruleName: "daily", days, keepDays: dailyKeepDays, isContinuous }),
        // Nothing can be restored to each second of a year.
        rule(args, { ruleName: "weekly", days: [weeklyOn], keepDays: weeklyKeepDays, isContinuous: false }),
      ],
      tags: tagged(place, name),
    },
    options(place),
  );
  for (const [selection, arn] of Object.entries(resources))
    new Selection(
      selection,
      // A name within its plan, and not of the account: the stack's own prefix and a moment would be more than the 50 letters that AWS takes.
      { name: selection, planId: plan.id, iamRoleArn: role.arn, resources: [arn] },
      // AWS Backup tries the role at once.
      options(place, { dependsOn: [...role.rights] }),
    );
}

interface Rule {
  readonly ruleName: string;
  readonly days: readonly string[];
  readonly keepDays: number;
  readonly isContinuous: boolean;
}

function rule({ settings, vault, copies, place }: BackupPlanArgs, { ruleName, days, keepDays, isContinuous }: Rule) {
  const [hour = "", minute = ""] = settings.at.split(":");
  const lifecycle = { deleteAfter: keepDays };
  return {
    ruleName,
    targetVaultName: vault.name,
    schedule: `cron(${Number(minute)} ${Number(hour)} ? * ${days.join(",").toUpperCase()} *)`,
    ...{ startWindow: START_MINUTES, completionWindow: COMPLETION_MINUTES },
    ...{ lifecycle, enableContinuousBackup: isContinuous },
    copyActions: copies.map((destinationVaultArn) => ({ destinationVaultArn, lifecycle })),
    recoveryPointTags: tagged(place, `backup-${ruleName}`),
  };
}
