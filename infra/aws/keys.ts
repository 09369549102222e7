import { Alias } from "@pulumi/aws/kms/alias.js";
import { Key } from "@pulumi/aws/kms/key.js";
import type { Output } from "@pulumi/pulumi";
import { ADMINISTER, SEAL, OPEN, statement, type Statement } from "./key-policy.ts";
import { stackPart } from "./own-name.ts";
import { options, tagged, type AwsAccount, type AwsPlace } from "./place.ts";
import { stateful } from "./stateful.ts";

/** Days between the deletion of a key and the end of everything that it encrypts; the most that KMS gives. */
const DELETION_DAYS = 30;

/** Who besides the account may use a key. */
interface Purpose {
  readonly description: string;
  /** Services through which principals of the account may use it, where their own policies allow it too. Empty: any way. */
  readonly via: readonly string[];
  readonly more?: (account: AwsAccount) => readonly Statement[];
}

/** What is encrypted with a key of its own, so that who may read one thing can read no other. */
export const PURPOSES = {
  cluster: {
    description: "Secrets of Kubernetes and disks of nodes",
    // EKS calls KMS in the name of who makes the cluster, and takes no condition on its grant.
    via: [],
    more: nodeDisks,
  },
  database: { description: "Postgres, its snapshots and insights", via: ["rds"] },
  cache: { description: "Redis and its snapshots", via: ["elasticache"] },
  objects: { description: "Artifacts", via: ["s3"] },
  registry: { description: "Images", via: ["ecr"] },
  secrets: { description: "Secrets of the stack", via: ["secretsmanager", "rds"] },
  logs: { description: "Logs", via: ["logs"], more: logService },
  // RDS encrypts copies of its snapshots with the key of the vault that they go to.
  backup: { description: "Backups and copies of them", via: ["backup", "rds"] },
} as const satisfies Record<string, Purpose>;

export type KeyPurpose = keyof typeof PURPOSES;
const PURPOSE_NAMES = Object.keys(PURPOSES) as readonly KeyPurpose[];

export interface KeyArgs {
  readonly purpose: KeyPurpose;
  /** Logical name. @default `key-<purpose>` */
  readonly name?: string;
  /** Its region is the key's own: that of a copy is another one. */
  readonly account: AwsAccount;
  /** Another account that gets copies of the snapshots it encrypts. @default none */
  readonly copyAccount?: string | undefined;
  readonly place: AwsPlace;
}

/** ARN of each key. */
export type Keys = Readonly<Record<KeyPurpose, Output<string>>>;

/**
 * The stack's keys.
 *
 * @param copyAccount another account that gets copies of the database's snapshots: it opens them with the database's key
 */
export function keys(account: AwsAccount, place: AwsPlace, copyAccount?: string): Keys {
  const made = PURPOSE_NAMES.map((purpose) => {
    const copies = purpose === "database" ? { copyAccount } : {};
    return [purpose, key({ purpose, account, ...copies, place })] as const;
  });
  return Object.fromEntries(made) as Record<KeyPurpose, Output<string>>;
}

/**
 * One key, renewed each year by KMS.
 *
 * @returns its ARN
 */
export function key({ purpose, name = `key-${purpose}`, account, copyAccount, place }: KeyArgs): Output<string> {
  const { description } = PURPOSES[purpose];
  const made = new Key(
    name,
    {
      description: `${description} of the stack ${place.stack}`,
      enableKeyRotation: true,
      deletionWindowInDays: DELETION_DAYS,
      // KMS refuses a policy with which its author could not change it any more.
      bypassPolicyLockoutSafetyCheck: false,
      policy: JSON.stringify({
        Version: "2012-10-17",
        Statement: [...statements(purpose, account), ...(copyAccount === undefined ? [] : copied(copyAccount))],
      }),
      tags: tagged(place, name),
    },
    stateful(place),
  );
  const alias = `alias/slipway-${stackPart(place.stack)}-${name}`;
  new Alias(name, { name: alias, targetKeyId: made.keyId }, options(place));
  return made.arn;
}

/** IAM's policies of the account decide about all of this: a key that named roles would shut out whoever comes after them. */
function statements(purpose: KeyPurpose, account: AwsAccount): Statement[] {
  const { via, more }: Purpose = PURPOSES[purpose];
  const root = { AWS: `arn:aws:iam::${account.account}:root` };
  const through = via.map((service) => `${service}.${account.region}.amazonaws.com`);
  const only = through.length === 0 ? {} : { StringEquals: { "kms:ViaService": through } };
  const granted = through.length === 0 ? {} : { ...only, Bool: { "kms:GrantIsForAWSResource": "true" } };
  return [
    statement("Administer", root, ADMINISTER),
    statement("Use", root, [...SEAL, ...OPEN], only),
    statement("Grant", root, ["kms:CreateGrant"], granted),
    ...(more?.(account) ?? []),
  ];
}

/**
 * Auto Scaling starts nodes, so it attaches their disks. Its role is written as a condition: KMS refuses a principal that is not there, and in a
 * new account it is not.
 */
function nodeDisks({ account }: AwsAccount): Statement[] {
  const role = `arn:aws:iam::${account}:role/aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling`;
  const scaling = { StringEquals: { "kms:CallerAccount": account, "aws:PrincipalArn": role } };
  return [
    statement("NodeDisks", { AWS: "*" }, [...SEAL, ...OPEN, "kms:DescribeKey"], scaling),
    statement("NodeDiskGrants", { AWS: "*" }, ["kms:CreateGrant"], {
      ...scaling,
      Bool: { "kms:GrantIsForAWSResource": "true" },
    }),
  ];
}

/** CloudWatch Logs of the region, for log groups of the account. */
function logService({ account, region }: AwsAccount): Statement[] {
  const groups = `arn:aws:logs:${region}:${account}:log-group:*`;
  return [
    statement("LogGroups", { Service: `logs.${region}.amazonaws.com` }, [...SEAL, ...OPEN, "kms:DescribeKey"], {
      ArnLike: { "kms:EncryptionContext:aws:logs:arn": groups },
    }),
  ];
}

/** What RDS of another account does with a snapshot that it copies there; which of its roles may is that account's matter. */
function copied(account: string): Statement[] {
  const other = { AWS: `arn:aws:iam::${account}:root` };
  const through = { StringLike: { "kms:ViaService": "rds.*.amazonaws.com" } };
  return [
    statement("Copies", other, [...SEAL, ...OPEN, "kms:DescribeKey"], through),
    statement("CopyGrants", other, ["kms:CreateGrant"], { ...through, Bool: { "kms:GrantIsForAWSResource": "true" } }),
  ];
}
