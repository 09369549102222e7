import { Vault } from "@pulumi/aws/backup/vault.js";
import { VaultLockConfiguration } from "@pulumi/aws/backup/vaultLockConfiguration.js";
import { VaultPolicy } from "@pulumi/aws/backup/vaultPolicy.js";
import type { Input, Output } from "@pulumi/pulumi";
import { retentionBounds, type AwsBackupSettings } from "../../configs/aws-backup-settings.ts";
import { options, tagged, type AwsPlace } from "./place.ts";
import { stateful } from "./stateful.ts";

export interface BackupVaultArgs {
  /** Logical name: `backup`. */
  readonly name: string;
  readonly settings: AwsBackupSettings;
  /** ARN of the KMS key of its region that encrypts what it keeps. */
  readonly keyArn: Input<string>;
  /** Its provider's region is the vault's. */
  readonly place: AwsPlace;
}

export interface BackupVault {
  readonly name: Output<string>;
  readonly arn: Output<string>;
}

/** What ends a backup before its days are over. */
const ENDS_BACKUPS = [
  ...["backup:DeleteRecoveryPoint", "backup:UpdateRecoveryPointLifecycle", "backup:DisassociateRecoveryPoint"],
  "backup:DeleteBackupVault",
] as const;

/**
 * A vault whose backups nobody deletes: by its policy, which whoever may change it has to take away first, and by its lock. AWS Backup itself deletes
 * them when their days are over; neither holds that up.
 */
export function backupVault({ name, settings, keyArn, place }: BackupVaultArgs): BackupVault {
  const vault = new Vault(
    name,
    // Policy and lock go first, where the stack is taken away: they name the vault.
    { kmsKeyArn: keyArn, forceDestroy: !place.keep, tags: tagged(place, name) },
    stateful(place),
  );
  const backupVaultName = vault.name;
  const everybody = { Effect: "Deny", Principal: { AWS: "*" }, Action: ENDS_BACKUPS, Resource: "*" };
  const policy = JSON.stringify({ Version: "2012-10-17", Statement: [{ Sid: "NobodyDeletes", ...everybody }] });
  new VaultPolicy(name, { backupVaultName, policy }, options(place));
  const { min, max } = retentionBounds(settings);
  const { coolingOffDays } = settings.lock;
  new VaultLockConfiguration(
    name,
    {
      ...{ backupVaultName, minRetentionDays: min, maxRetentionDays: max },
      // With it AWS closes the lock for good once they have passed.
      ...(coolingOffDays === undefined ? {} : { changeableForDays: coolingOffDays }),
    },
    // A vault has one lock: were another one put first, the deletion of the one before would take it off.
    options(place, { deleteBeforeReplace: true }),
  );
  return { name: vault.name, arn: vault.arn };
}
