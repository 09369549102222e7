import { at, atLeast, beside, is } from "../checks.ts";
import { isAnybody, someStatement, texts } from "../documents.ts";
import type { Rule } from "../rule.ts";
import { AWS, BUCKET } from "../types.ts";

export const backedUp: Rule = {
  name: "backed-up",
  description:
    "Data of a stack in prod can be brought back to any moment of four weeks, and nobody deletes the copies.",
  mend: "Set slipway:aws.data in the stack's file; docs/aws.md says what is kept where.",
  of: "prod",
  checks: {
    [AWS.database]: { "can be restored to each second of a month": atLeast("backupRetentionPeriod", 28) },
    [AWS.cache]: { "has snapshots": atLeast("snapshotRetentionLimit", 1) },
    [AWS.logGroup]: { "is kept for a month": atLeast("retentionInDays", 30) },
    [BUCKET.versions]: { "keeps versions": is("versioningConfiguration.status", "Enabled") },
    [BUCKET.replication]: { "is on": is("rules.0.status", "Enabled") },
    "aws:backup/vaultPolicy:VaultPolicy": {
      "denies deletions": someStatement(
        "policy",
        (one) =>
          at(one, "Effect") === "Deny" && isAnybody(one) && texts(one["Action"]).includes("backup:DeleteRecoveryPoint"),
      ),
    },
  },
  beside: {
    [BUCKET.itself]: {
      "keeps versions": beside(BUCKET.versions, "bucket"),
      "forgets versions in time": beside(BUCKET.lifecycle, "bucket"),
    },
    [AWS.vault]: {
      "is locked": beside("aws:backup/vaultLockConfiguration:VaultLockConfiguration", "backupVaultName"),
      "has a policy": beside("aws:backup/vaultPolicy:VaultPolicy", "backupVaultName"),
    },
  },
};
