import { Bucket } from "@pulumi/aws/s3/bucket.js";
import { BucketLifecycleConfiguration } from "@pulumi/aws/s3/bucketLifecycleConfiguration.js";
import { BucketOwnershipControls } from "@pulumi/aws/s3/bucketOwnershipControls.js";
import { BucketPolicy } from "@pulumi/aws/s3/bucketPolicy.js";
import { BucketPublicAccessBlock } from "@pulumi/aws/s3/bucketPublicAccessBlock.js";
import { BucketServerSideEncryptionConfiguration } from "@pulumi/aws/s3/bucketServerSideEncryptionConfiguration.js";
import { BucketVersioning } from "@pulumi/aws/s3/bucketVersioning.js";
import { interpolate, jsonStringify, type Input } from "@pulumi/pulumi";
import type { ObjectSettings } from "../../configs/aws-data-settings.ts";
import { options, tagged, type AwsPlace } from "./place.ts";
import { stateful } from "./stateful.ts";

export interface BucketArgs {
  /** Logical name: `objects`. */
  readonly name: string;
  readonly settings: Pick<ObjectSettings, "artifactDays" | "noncurrentDays" | "abortUploadDays">;
  /** ARN of the KMS key that encrypts it. */
  readonly keyArn: Input<string>;
  readonly place: AwsPlace;
}

export interface PrivateBucket {
  readonly bucket: Bucket;
  /** Replication needs it first. */
  readonly versioning: BucketVersioning;
}

/** A bucket that keeps versions, is encrypted with our key, and answers by TLS and to this account alone. */
export function privateBucket(args: BucketArgs): PrivateBucket {
  const { name, keyArn, place } = args;
  const bucket = new Bucket(
    name,
    // Objects of a protected one are never deleted with it.
    { forceDestroy: !place.keep, tags: tagged(place, name) },
    stateful(place),
  );
  new BucketServerSideEncryptionConfiguration(
    name,
    {
      bucket: bucket.bucket,
      rules: [
        {
          applyServerSideEncryptionByDefault: { sseAlgorithm: "aws:kms", kmsMasterKeyId: keyArn },
          // One call to KMS for many objects instead of one for each.
          bucketKeyEnabled: true,
        },
      ],
    },
    options(place),
  );
  closed(name, bucket, place);
  const versioning = new BucketVersioning(
    name,
    { bucket: bucket.bucket, versioningConfiguration: { status: "Enabled" } },
    options(place),
  );
  lifecycle(args, bucket, versioning);
  return { bucket, versioning };
}

/** Nothing of it is public, whatever a policy or an ACL says. */
function closed(name: string, bucket: Bucket, place: AwsPlace): void {
  const block = new BucketPublicAccessBlock(
    name,
    {
      bucket: bucket.bucket,
      ...{ blockPublicAcls: true, blockPublicPolicy: true, ignorePublicAcls: true, restrictPublicBuckets: true },
    },
    options(place),
  );
  new BucketOwnershipControls(
    name,
    { bucket: bucket.bucket, rule: { objectOwnership: "BucketOwnerEnforced" } },
    options(place),
  );
  const everything = {
    Effect: "Deny",
    Principal: "*",
    Action: "s3:*",
    Resource: [bucket.arn, interpolate`${bucket.arn}/*`],
  };
  new BucketPolicy(
    name,
    {
      bucket: bucket.bucket,
      policy: jsonStringify({
        Version: "2012-10-17",
        Statement: [
          { Sid: "TlsAlone", ...everything, Condition: { Bool: { "aws:SecureTransport": "false" } } },
          { Sid: "NoOldTls", ...everything, Condition: { NumericLessThan: { "s3:TlsVersion": "1.2" } } },
        ],
      }),
    },
    // S3 refuses two changes of who may do what at the same time.
    options(place, { dependsOn: [block] }),
  );
}

function lifecycle({ name, settings, place }: BucketArgs, bucket: Bucket, versioning: BucketVersioning): void {
  const { artifactDays, noncurrentDays, abortUploadDays } = settings;
  const all = { status: "Enabled", filter: { prefix: "" } };
  const rules = [
    {
      id: "noncurrent",
      ...all,
      noncurrentVersionExpiration: { noncurrentDays },
      // The mark of a deletion goes when no version is left below it.
      ...(artifactDays === undefined ? { expiration: { expiredObjectDeleteMarker: true } } : {}),
    },
    { id: "uploads", ...all, abortIncompleteMultipartUpload: { daysAfterInitiation: abortUploadDays } },
    ...(artifactDays === undefined ? [] : [{ id: "artifacts", ...all, expiration: { days: artifactDays } }]),
  ];
  new BucketLifecycleConfiguration(name, { bucket: bucket.bucket, rules }, options(place, { dependsOn: [versioning] }));
}
