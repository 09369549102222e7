import { BucketReplicationConfig } from "@pulumi/aws/s3/bucketReplicationConfig.js";
import { interpolate, jsonStringify, type Input, type Output } from "@pulumi/pulumi";
import { privateBucket, type BucketArgs, type PrivateBucket } from "./bucket.ts";
import { options, type AwsAccount, type AwsPlace } from "./place.ts";
import { role, type MadeRole } from "./role.ts";

export interface ReplicationArgs {
  readonly source: PrivateBucket;
  readonly sourceKeyArn: Input<string>;
  readonly settings: BucketArgs["settings"];
  /** Where the second bucket stands: a provider of its region, and a key there. */
  readonly target: { readonly place: AwsPlace; readonly keyArn: Input<string> };
  readonly account: AwsAccount;
  /** Of the first bucket. */
  readonly place: AwsPlace;
}

const NAME = "objects-replica";

/**
 * A second bucket in another region that gets every object and every deletion; what is deleted can be brought back there for as long as here.
 *
 * Objects that were there before the copy was turned on are not copied: S3 Batch Replication does that once.
 */
export function replication(args: ReplicationArgs): void {
  const { source, settings, target, place } = args;
  const copy = privateBucket({ name: NAME, settings, keyArn: target.keyArn, place: target.place });
  const taken = replicationRole(args, copy.bucket.arn);
  new BucketReplicationConfig(
    NAME,
    {
      bucket: source.bucket.bucket,
      role: taken.arn,
      rules: [
        {
          id: "everything",
          status: "Enabled",
          priority: 0,
          filter: { prefix: "" },
          deleteMarkerReplication: { status: "Enabled" },
          sourceSelectionCriteria: { sseKmsEncryptedObjects: { status: "Enabled" } },
          destination: {
            bucket: copy.bucket.arn,
            encryptionConfiguration: { replicaKmsKeyId: target.keyArn },
          },
        },
      ],
    },
    options(place, { dependsOn: [source.versioning, copy.versioning, ...taken.rights] }),
  );
}

function replicationRole(args: ReplicationArgs, copyArn: Output<string>): MadeRole {
  const { source, account, place } = args;
  const Statement = rights(args, copyArn).map((right) => ({ Effect: "Allow", ...right }));
  return role({
    name: NAME,
    description: "Copies artifacts to the second region",
    service: "s3.amazonaws.com",
    // For our bucket alone, whoever else asks S3 to take this role.
    conditions: {
      StringEquals: { "aws:SourceAccount": account.account },
      ArnEquals: { "aws:SourceArn": source.bucket.arn },
    },
    policy: jsonStringify({ Version: "2012-10-17", Statement }),
    place,
  });
}

function rights({ source, sourceKeyArn, target }: ReplicationArgs, copyArn: Output<string>) {
  const { arn } = source.bucket;
  const version = (what: string) => `s3:GetObjectVersion${what}`;
  return [
    { Action: ["s3:GetReplicationConfiguration", "s3:ListBucket"], Resource: arn },
    { Action: ["ForReplication", "Acl", "Tagging"].map(version), Resource: interpolate`${arn}/*` },
    { Action: ["s3:ReplicateObject", "s3:ReplicateDelete", "s3:ReplicateTags"], Resource: interpolate`${copyArn}/*` },
    { Action: ["kms:Decrypt"], Resource: sourceKeyArn },
    { Action: ["kms:Encrypt", "kms:GenerateDataKey"], Resource: target.keyArn },
  ];
}
