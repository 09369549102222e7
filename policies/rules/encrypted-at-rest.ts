import { beside, both, given, includes, is } from "../checks.ts";
import type { Rule } from "../rule.ts";
import { AWS, BUCKET } from "../types.ts";

export const encryptedAtRest: Rule = {
  name: "encrypted-at-rest",
  description: "Disks, databases, buckets, images, logs and secrets are encrypted, with keys of the account's own.",
  mend: "Turn encryption on, and name a key of aws:kms/key:Key.",
  checks: {
    [AWS.database]: {
      "is encrypted": is("storageEncrypted", true),
      "is encrypted with a key of one's own": given("kmsKeyId"),
      "has insights encrypted with a key of one's own": given("performanceInsightsKmsKeyId"),
    },
    [AWS.cache]: {
      "is encrypted": is("atRestEncryptionEnabled", true),
      "is encrypted with a key of one's own": given("kmsKeyId"),
    },
    [AWS.cluster]: {
      "encrypts Kubernetes' secrets": both(
        includes("encryptionConfig.resources", "secrets"),
        given("encryptionConfig.provider.keyArn"),
      ),
    },
    [AWS.launchTemplate]: {
      "encrypts disks": is("blockDeviceMappings.0.ebs.encrypted", "true"),
      "encrypts disks with a key of one's own": given("blockDeviceMappings.0.ebs.kmsKeyId"),
    },
    [AWS.repository]: { "is encrypted with a key of one's own": given("encryptionConfigurations.0.kmsKey") },
    [AWS.vault]: { "is encrypted with a key of one's own": given("kmsKeyArn") },
    [AWS.logGroup]: { "is encrypted with a key of one's own": given("kmsKeyId") },
    [AWS.secret]: { "is encrypted with a key of one's own": given("kmsKeyId") },
    [AWS.key]: { turns: is("enableKeyRotation", true) },
    [BUCKET.encryption]: {
      "encrypts with a key": both(
        is("rules.0.applyServerSideEncryptionByDefault.sseAlgorithm", "aws:kms"),
        given("rules.0.applyServerSideEncryptionByDefault.kmsMasterKeyId"),
      ),
    },
    [BUCKET.replication]: {
      "encrypts the copy": given("rules.0.destination.encryptionConfiguration.replicaKmsKeyId"),
    },
    "aws:ebs/volume:Volume": { "is encrypted": is("encrypted", true) },
    "aws:efs/fileSystem:FileSystem": { "is encrypted": is("encrypted", true) },
  },
  beside: {
    [BUCKET.itself]: { "is encrypted": beside(BUCKET.encryption, "bucket") },
  },
};
