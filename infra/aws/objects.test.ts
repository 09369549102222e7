import { Provider } from "@pulumi/aws/provider.js";
import { beforeAll, describe, expect, it } from "vitest";
import {
  ACCOUNT,
  arnOf,
  dataSettings,
  inputs,
  KEYS,
  names,
  one,
  policyIn,
  recordAws,
  TYPES,
} from "../../test/pulumi/aws-data.ts";
import { known, type RecordedResource } from "../../test/pulumi/recorder.ts";
import { objects } from "./objects.ts";
import type { AwsPlace } from "./place.ts";

const BUCKET = "arn:aws:s3:::objects-made";
const COPY = "arn:aws:s3:::objects-replica-made";
const COPY_KEY = arnOf("kms", "objects-elsewhere");

const make =
  (settings: object = {}) =>
  (place: AwsPlace) =>
    objects({ settings: dataSettings({ objects: settings }).objects, keyArn: KEYS.objects, account: ACCOUNT, place });

/** With a second bucket in another region. */
function makeTwo(place: AwsPlace) {
  const elsewhere = new Provider("elsewhere", { region: "eu-west-1" }, { parent: place.parent });
  return objects({
    settings: dataSettings({ objects: { replicaRegion: "eu-west-1" } }).objects,
    keyArn: KEYS.objects,
    replica: { place: { ...place, provider: elsewhere }, keyArn: COPY_KEY },
    account: ACCOUNT,
    place,
  });
}

let made: { result: ReturnType<typeof objects>; resources: readonly RecordedResource[] };
let two: typeof made;
beforeAll(async () => {
  made = await recordAws(make());
  two = await recordAws(makeTwo);
});

const both = () => [
  { resources: made.resources, name: "objects", key: KEYS.objects, arn: BUCKET },
  { resources: two.resources, name: "objects", key: KEYS.objects, arn: BUCKET },
  { resources: two.resources, name: "objects-replica", key: COPY_KEY, arn: COPY },
];

describe("every bucket", () => {
  it("is encrypted with the key of its region", () => {
    for (const { resources, name, key } of both())
      expect(inputs(resources, TYPES.encryption, name)).toEqual({
        bucket: `${name}-made`,
        rules: [
          {
            applyServerSideEncryptionByDefault: { sseAlgorithm: "aws:kms", kmsMasterKeyId: key },
            bucketKeyEnabled: true,
          },
        ],
      });
  });

  it("is public in no way, and every object is this account's", () => {
    for (const { resources, name } of both()) {
      expect(inputs(resources, TYPES.publicAccess, name)).toEqual({
        bucket: `${name}-made`,
        ...{ blockPublicAcls: true, blockPublicPolicy: true, ignorePublicAcls: true, restrictPublicBuckets: true },
      });
      expect(inputs(resources, TYPES.ownership, name)["rule"]).toEqual({ objectOwnership: "BucketOwnerEnforced" });
    }
  });

  it("answers by TLS 1.2 or newer alone", () => {
    for (const { resources, name, arn } of both()) {
      const { Statement } = policyIn(inputs(resources, TYPES.bucketPolicy, name)["policy"]);
      const deny = { Effect: "Deny", Principal: "*", Action: "s3:*", Resource: [arn, `${arn}/*`] };
      expect(Statement).toEqual([
        { Sid: "TlsAlone", ...deny, Condition: { Bool: { "aws:SecureTransport": "false" } } },
        { Sid: "NoOldTls", ...deny, Condition: { NumericLessThan: { "s3:TlsVersion": "1.2" } } },
      ]);
    }
  });

  it("keeps versions for a time, and no half uploads", () => {
    for (const { resources, name } of both()) {
      expect(inputs(resources, TYPES.versioning, name)["versioningConfiguration"]).toEqual({ status: "Enabled" });
      const all = { status: "Enabled", filter: { prefix: "" } };
      expect(inputs(resources, TYPES.lifecycle, name)["rules"]).toEqual([
        {
          ...{ id: "noncurrent", ...all, noncurrentVersionExpiration: { noncurrentDays: 30 } },
          expiration: { expiredObjectDeleteMarker: true },
        },
        { id: "uploads", ...all, abortIncompleteMultipartUpload: { daysAfterInitiation: 3 } },
      ]);
    }
  });

  it("is protected and never emptied where the stack keeps its data, and not where it is torn down", async () => {
    const gone = await recordAws(makeTwo, { keep: false });
    for (const name of ["objects", "objects-replica"])
      for (const [resources, isKept] of [
        [two.resources, true],
        [gone.resources, false],
      ] as const) {
        const { isProtected, inputs: given } = one(resources, TYPES.bucket, name);
        expect([isProtected, given["forceDestroy"]]).toEqual([isKept, !isKept]);
      }
  });
});

describe("the bucket of artifacts", () => {
  it("is where the processes look for it", async () => {
    expect(await known(made.result.url)).toBe("s3://objects-made");
  });

  it("deletes artifacts by itself only where the stack's file says after how many days", async () => {
    const short = await recordAws(make({ artifactDays: 400, noncurrentDays: 7 }));
    const rules = inputs(short.resources, TYPES.lifecycle, "objects")["rules"];
    expect(rules).toContainEqual({
      ...{ id: "artifacts", status: "Enabled", filter: { prefix: "" }, expiration: { days: 400 } },
    });
  });

  it("has its requests noted where the stack's file names a bucket, and else nowhere", async () => {
    const logged = await recordAws(make({ accessLogs: { bucket: "our-logs" } }));
    expect(names(made.resources, TYPES.bucketLogging)).toEqual([]);
    expect(inputs(logged.resources, TYPES.bucketLogging, "objects")).toEqual({
      ...{ bucket: "objects-made", targetBucket: "our-logs", targetPrefix: "unit/" },
    });
  });

  it("is read by the API, and read and written by workers, who delete no version for good", async () => {
    const read = policyIn(await known(made.result.readPolicy));
    const write = policyIn(await known(made.result.writePolicy));
    const statements = (...actions: readonly string[][]) =>
      [BUCKET, `${BUCKET}/*`, KEYS.objects].map((Resource, index) => ({
        ...{ Effect: "Allow", Action: actions[index], Resource },
      }));
    expect(read.Statement).toEqual(statements(["s3:ListBucket"], ["s3:GetObject"], ["kms:Decrypt"]));
    expect(write.Statement).toEqual(
      statements(
        ["s3:ListBucket", "s3:ListBucketMultipartUploads"],
        [
          ...["s3:GetObject", "s3:PutObject", "s3:DeleteObject"],
          ...["s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"],
        ],
        ["kms:Decrypt", "kms:GenerateDataKey"],
      ),
    );
  });
});

describe("the copy in another region", () => {
  it("is made with the provider of that region, and only where the stack's file names one", () => {
    expect(names(made.resources, TYPES.bucket)).toEqual(["objects"]);
    expect(names(made.resources, TYPES.replication)).toEqual([]);
    expect(one(two.resources, TYPES.bucket, "objects-replica").provider).toContain("::elsewhere::");
    expect(one(two.resources, TYPES.bucket, "objects").provider).toContain("::aws::");
  });

  it("gets everything, deletions included, encrypted with its own key", () => {
    expect(inputs(two.resources, TYPES.replication, "objects-replica")).toEqual({
      bucket: "objects-made",
      role: arnOf("iam", "objects-replica"),
      rules: [
        {
          ...{ id: "everything", status: "Enabled", priority: 0, filter: { prefix: "" } },
          deleteMarkerReplication: { status: "Enabled" },
          sourceSelectionCriteria: { sseKmsEncryptedObjects: { status: "Enabled" } },
          destination: { bucket: COPY, encryptionConfiguration: { replicaKmsKeyId: COPY_KEY } },
        },
      ],
    });
    // S3 refuses a copy between buckets without versions.
    const { dependencies } = one(two.resources, TYPES.replication, "objects-replica");
    for (const name of ["objects", "objects-replica"])
      expect(dependencies.some((urn) => urn.endsWith(`BucketVersioning::${name}`))).toBe(true);
    expect(dependencies.some((urn) => urn.endsWith("RolePolicy::objects-replica"))).toBe(true);
  });

  it("is written by S3 for this bucket alone, with no right beyond", () => {
    const trust = policyIn(inputs(two.resources, TYPES.role, "objects-replica")["assumeRolePolicy"]);
    expect(trust.Statement).toEqual([
      {
        Effect: "Allow",
        Principal: { Service: "s3.amazonaws.com" },
        Action: ["sts:AssumeRole"],
        Condition: {
          StringEquals: { "aws:SourceAccount": "123456789012" },
          ArnEquals: { "aws:SourceArn": BUCKET },
        },
      },
    ]);
    const { Statement } = policyIn(inputs(two.resources, TYPES.rolePolicy, "objects-replica")["policy"]);
    expect(Statement.map(({ Resource }) => Resource)).toEqual([
      ...[BUCKET, `${BUCKET}/*`, `${COPY}/*`, KEYS.objects, COPY_KEY],
    ]);
    expect(Statement.flatMap(({ Action }) => Action).filter((action) => String(action).includes("*"))).toEqual([]);
  });

  it("needs a place where a region is named, and a region where there is a place", async () => {
    await expect(recordAws(make({ replicaRegion: "eu-west-1" }))).rejects.toThrow(
      /replicaRegion is eu-west-1, but .* not given/,
    );
    const odd = recordAws((place) =>
      objects({
        settings: dataSettings().objects,
        keyArn: KEYS.objects,
        replica: { place, keyArn: COPY_KEY },
        account: ACCOUNT,
        place,
      }),
    );
    await expect(odd).rejects.toThrow(/replicaRegion is missing, but a place for it was given/);
  });
});
