import type { Input, Output } from "@pulumi/pulumi";
import type { AwsBackupSettings } from "../../configs/aws-backup-settings.ts";
import { backupPlan } from "./backup-plan.ts";
import { backupRole } from "./backup-role.ts";
import { backupVault } from "./backup-vault.ts";
import { key } from "./keys.ts";
import type { AwsAccount, AwsPlace } from "./place.ts";

export interface BackupsArgs {
  readonly settings: AwsBackupSettings;
  /** ARNs of the database's instances, by their generations' logical names, such as `database`. */
  readonly databases: Readonly<Record<string, Input<string>>>;
  /** ARN of the artifacts' bucket; it keeps versions, or AWS Backup would not take it. */
  readonly bucket: Input<string>;
  /** ARNs of KMS keys by what they encrypt. */
  readonly keys: { readonly database: Input<string>; readonly objects: Input<string>; readonly backup: Input<string> };
  /** Where another region's resources stand; asked for `copyRegion` alone. */
  readonly placeIn: (region: string) => AwsPlace;
  readonly account: AwsAccount;
  readonly place: AwsPlace;
}

export interface Backups {
  /** Name of the vault, for measures. */
  readonly vault: Output<string>;
  /** Whether backups are copied to another region or account. */
  readonly areCopied: boolean;
}

/**
 * Backups of Postgres and artifacts by AWS Backup: in a vault of the stack's own, in one of a second region, and in one of another account.
 *
 * Postgres has snapshots here and no continuous backups: those are RDS' own, for as many days. Turned on here, AWS Backup would take its retention
 * and its window over, and refuse whoever changes them by this program. Redis is not in it: Postgres fills it again.
 */
export function backups(args: BackupsArgs): Backups {
  const { settings, databases, bucket, keys, account, place } = args;
  const vault = backupVault({ name: "backup", settings, keyArn: keys.backup, place });
  const second = copyVault(args);
  const { copyVaultArn } = settings;
  const copies = [...(second ? [second.arn] : []), ...(copyVaultArn === undefined ? [] : [copyVaultArn])];
  const role = backupRole({
    ...{ databases: Object.values(databases), bucket, vaults: [vault.arn, ...copies] },
    keys: { ...keys, vaults: [keys.backup, ...(second ? [second.keyArn] : [])] },
    ...{ copyRegion: second?.region, account, place },
  });
  const common = { settings, vault, copies, role, place };
  const named = Object.entries(databases).map(([name, arn]) => [`backup-${name}`, arn] as const);
  backupPlan({ ...common, name: "backup-database", isContinuous: false, resources: Object.fromEntries(named) });
  backupPlan({ ...common, name: "backup-objects", isContinuous: true, resources: { "backup-objects": bucket } });
  return { vault: vault.name, areCopied: copies.length > 0 };
}

/** A key never leaves its region: the second vault has one of its own there. */
function copyVault({ settings, placeIn, account }: BackupsArgs) {
  const { copyRegion: region } = settings;
  if (region === undefined || region === "none") return undefined;
  const place = placeIn(region);
  const keyArn = key({ purpose: "backup", name: "key-backup-copy", account: { ...account, region }, place });
  const { arn } = backupVault({ name: "backup-copy", settings, keyArn, place });
  return { region, arn, keyArn };
}
