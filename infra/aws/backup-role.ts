import { interpolate, jsonStringify, type Input } from "@pulumi/pulumi";
import type { AwsAccount, AwsPlace } from "./place.ts";
import { role, type MadeRole } from "./role.ts";

export interface BackupRoleArgs {
  /** ARNs of the instances of RDS that are backed up. */
  readonly databases: readonly Input<string>[];
  /** ARN of the bucket that is. */
  readonly bucket: Input<string>;
  /** ARNs of the vaults that backups go to, the stack's own and those that get copies. */
  readonly vaults: readonly Input<string>[];
  /** ARNs of KMS keys. */
  readonly keys: {
    readonly database: Input<string>;
    readonly objects: Input<string>;
    /** Of the stack's own vaults. */
    readonly vaults: readonly Input<string>[];
  };
  /** Region that copies go to, where they do. */
  readonly copyRegion: string | undefined;
  readonly account: AwsAccount;
  readonly place: AwsPlace;
}

/** IAM knows no resource for these. */
const OF_NO_RESOURCE = ["tag:GetResources", "s3:ListAllMyBuckets", "cloudwatch:GetMetricData"] as const;

const READ_BUCKET = [
  ...["s3:ListBucket", "s3:ListBucketVersions", "s3:GetBucketVersioning", "s3:GetBucketLocation"],
  ...["s3:GetBucketTagging", "s3:GetBucketAcl", "s3:GetInventoryConfiguration", "s3:PutInventoryConfiguration"],
  // So that S3 tells AWS Backup of each change: without it a bucket could not be restored to each second.
  ...["s3:GetBucketNotification", "s3:PutBucketNotification"],
] as const;

const READ_OBJECTS = [
  ...["s3:GetObject", "s3:GetObjectAcl", "s3:GetObjectTagging"],
  ...["s3:GetObjectVersion", "s3:GetObjectVersionAcl", "s3:GetObjectVersionTagging"],
] as const;

/** The rule by which those changes come. */
const EVENTS = [
  ...["events:PutRule", "events:DeleteRule", "events:DescribeRule", "events:EnableRule", "events:DisableRule"],
  ...["events:PutTargets", "events:RemoveTargets", "events:ListTargetsByRule"],
] as const;

/**
 * The role with which AWS Backup reads what is backed up and writes it to the vaults. AWS's own policy for it reads everything of the account; this one
 * reads the stack's own, and restores nothing.
 */
export function backupRole(args: BackupRoleArgs): MadeRole {
  const { account, place } = args;
  const rights = [...databaseRights(args), ...bucketRights(args), ...vaultRights(args)];
  return role({
    name: "backup",
    description: "AWS Backup of the stack's database and artifacts",
    service: "backup.amazonaws.com",
    conditions: { StringEquals: { "aws:SourceAccount": account.account } },
    policy: jsonStringify({
      Version: "2012-10-17",
      Statement: rights.map((right) => ({ Effect: "Allow", ...right })),
    }),
    place,
  });
}

function databaseRights({ databases, copyRegion, account: { account, region } }: BackupRoleArgs) {
  const regions = copyRegion === undefined ? [region] : [region, copyRegion];
  // AWS Backup names its snapshots so; it changes no others.
  const own = regions.map((where) => `arn:aws:rds:${where}:${account}:snapshot:awsbackup:*`);
  const all = regions.map((where) => `arn:aws:rds:${where}:${account}:snapshot:*`);
  return [
    { Action: ["rds:DescribeDBInstances", "rds:ListTagsForResource", "rds:CreateDBSnapshot"], Resource: databases },
    { Action: ["rds:DescribeDBSnapshots"], Resource: all },
    {
      Action: [
        ...["rds:CreateDBSnapshot", "rds:CopyDBSnapshot", "rds:DeleteDBSnapshot", "rds:ModifyDBSnapshotAttribute"],
        ...["rds:AddTagsToResource", "rds:ListTagsForResource"],
      ],
      Resource: own,
    },
  ];
}

function bucketRights({ bucket, keys, account: { account, region } }: BackupRoleArgs) {
  const rules = `arn:aws:events:${region}:${account}:rule/`;
  return [
    { Action: READ_BUCKET, Resource: bucket },
    { Action: READ_OBJECTS, Resource: interpolate`${bucket}/*` },
    {
      Action: ["kms:Decrypt", "kms:DescribeKey"],
      Resource: keys.objects,
      Condition: { StringEquals: { "kms:ViaService": `s3.${region}.amazonaws.com` } },
    },
    { Action: EVENTS, Resource: `${rules}AwsBackupManagedRule*` },
    { Action: ["events:ListRules"], Resource: `${rules}*` },
    { Action: OF_NO_RESOURCE, Resource: "*" },
  ];
}

function vaultRights({ vaults, keys }: BackupRoleArgs) {
  const sealed = [keys.database, ...keys.vaults];
  return [
    {
      Action: ["backup:DescribeBackupVault", "backup:CopyIntoBackupVault", "backup:CopyFromBackupVault"],
      Resource: vaults,
    },
    { Action: ["kms:DescribeKey"], Resource: sealed },
    { Action: ["kms:Decrypt", "kms:GenerateDataKey"], Resource: keys.vaults },
    {
      Action: ["kms:CreateGrant"],
      Resource: sealed,
      // RDS encrypts a copy with a grant; nobody else gets one.
      Condition: { Bool: { "kms:GrantIsForAWSResource": "true" } },
    },
  ];
}
