import { BucketLogging } from "@pulumi/aws/s3/bucketLogging.js";
import { interpolate, jsonStringify, type Input, type Output } from "@pulumi/pulumi";
import type { ObjectSettings } from "../../configs/aws-data-settings.ts";
import { privateBucket, type PrivateBucket } from "./bucket.ts";
import { replication } from "./objects-replica.ts";
import { options, type AwsAccount, type AwsPlace } from "./place.ts";

export interface ObjectsArgs {
  readonly settings: ObjectSettings;
  /** ARN of the KMS key that encrypts artifacts. */
  readonly keyArn: Input<string>;
  /** Region of the second bucket and a key there; given where `settings.replicaRegion` is. */
  readonly replica?: { readonly place: AwsPlace; readonly keyArn: Input<string> };
  readonly account: AwsAccount;
  readonly place: AwsPlace;
}

export interface S3Objects {
  /** `s3://bucket` */
  readonly url: Output<string>;
  readonly bucket: Output<string>;
  readonly arn: Output<string>;
  /** What the API's role may do, as an IAM policy: read. */
  readonly readPolicy: Output<string>;
  /** What the workers' role may do, as an IAM policy: read, write and delete, but no version for good. */
  readonly writePolicy: Output<string>;
}

/**
 * The bucket of the artifacts, and its copy in another region where the stack's file names one.
 *
 * @throws Error where that region has no place, or the other way round
 */
export function objects(args: ObjectsArgs): S3Objects {
  const { settings, keyArn, replica, account, place } = args;
  if ((settings.replicaRegion === undefined) !== (replica === undefined))
    throw new Error(
      `slipway:aws.data.objects.replicaRegion is ${settings.replicaRegion ?? "missing"}, but a place for it was ` +
        `${replica ? "" : "not "}given; the stack's program has to give one for a region that is named.`,
    );
  const own = privateBucket({ name: "objects", settings, keyArn, place });
  accessLogs(args, own);
  if (replica) replication({ source: own, sourceKeyArn: keyArn, settings, target: replica, account, place });
  const { arn, bucket } = own.bucket;
  return {
    ...{ url: interpolate`s3://${bucket}`, bucket, arn },
    readPolicy: policy(arn, keyArn, READ),
    writePolicy: policy(arn, keyArn, WRITE),
  };
}

function accessLogs({ settings, place }: ObjectsArgs, { bucket }: PrivateBucket): void {
  const { accessLogs: logs } = settings;
  if (logs === undefined) return;
  new BucketLogging(
    "objects",
    { bucket: bucket.bucket, targetBucket: logs.bucket, targetPrefix: `${logs.prefix ?? place.stack}/` },
    options(place),
  );
}

interface Actions {
  readonly bucket: readonly string[];
  readonly objects: readonly string[];
  readonly key: readonly string[];
}

/** Without the right to list, an object that is missing looks like one that is forbidden. */
const READ: Actions = { bucket: ["s3:ListBucket"], objects: ["s3:GetObject"], key: ["kms:Decrypt"] };

const WRITE: Actions = {
  bucket: [...READ.bucket, "s3:ListBucketMultipartUploads"],
  objects: [
    ...READ.objects,
    ...["s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"],
  ],
  // S3 opens the key of earlier parts of an upload before it takes another.
  key: [...READ.key, "kms:GenerateDataKey"],
};

function policy(arn: Output<string>, keyArn: Input<string>, actions: Actions): Output<string> {
  return jsonStringify({
    Version: "2012-10-17",
    Statement: [
      { Effect: "Allow", Action: actions.bucket, Resource: arn },
      { Effect: "Allow", Action: actions.objects, Resource: interpolate`${arn}/*` },
      { Effect: "Allow", Action: actions.key, Resource: keyArn },
    ],
  });
}
