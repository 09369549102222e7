import { atLeast, is, isProtected, ofEach, value } from "../checks.ts";
import type { Rule } from "../rule.ts";
import { AWS, BUCKET } from "../types.ts";

/** What cannot be made again, or takes everybody's addresses along. */
const PROTECTED = [
  AWS.database,
  AWS.cache,
  AWS.cluster,
  AWS.key,
  AWS.logGroup,
  AWS.loadBalancer,
  AWS.vault,
  BUCKET.itself,
];

const OWN = {
  [AWS.database]: {
    "is protected by RDS": is("deletionProtection", true),
    "leaves a last snapshot": is("skipFinalSnapshot", false),
    "keeps its backups when it goes": is("deleteAutomatedBackups", false),
  },
  [AWS.cache]: {
    "leaves a last snapshot": value("finalSnapshotIdentifier", "given", (found) => typeof found === "string"),
  },
  [AWS.cluster]: { "is protected by EKS": is("deletionProtection", true) },
  [AWS.loadBalancer]: { "is protected by AWS": is("enableDeletionProtection", true) },
  [BUCKET.itself]: { "keeps what is in it": is("forceDestroy", false) },
  [AWS.repository]: { "keeps images when it goes": is("forceDelete", false) },
  [AWS.key]: {
    "can be brought back for a month": atLeast("deletionWindowInDays", 30),
    "does not lock us out": is("bypassPolicyLockoutSafetyCheck", false),
  },
  [AWS.secret]: { "can be brought back": atLeast("recoveryWindowInDays", 7) },
} as const;

const protectedOnes = ofEach(PROTECTED, { "is protected": isProtected });

export const kept: Rule = {
  name: "kept",
  description:
    "Data, keys and logs of a stack in prod are protected from a deletion, by Pulumi and by the service itself.",
  mend: "Make it with stateful() of infra/aws/stateful.ts. To take a stack down: slipway:teardown.",
  of: "kept",
  checks: Object.fromEntries(
    [...new Set([...PROTECTED, ...Object.keys(OWN)])].map((type) => [
      type,
      { ...protectedOnes[type], ...OWN[type as keyof typeof OWN] },
    ]),
  ),
};
