import { at, listAt } from "./kubernetes.ts";
import type { RecordedResource } from "./recorder.ts";
import { input, type Holds, type Rules } from "./secure.ts";

/** What has to hold of policies: those of roles and keys, and who may take a role. */

type Statement = Readonly<Record<string, unknown>>;

function statements(resource: RecordedResource, path: string): readonly Statement[] {
  const text = input(resource, path);
  if (typeof text !== "string") return [];
  return listAt(JSON.parse(text) as unknown, "Statement") as readonly Statement[];
}

const texts = (value: unknown): string[] => [value].flat().filter((one) => typeof one === "string");

/** Whether each statement that allows something is so. */
const allowsOnly =
  (path: string, holds: (statement: Statement) => boolean): Holds =>
  (resource) => {
    const all = statements(resource, path);
    return all.length > 0 && all.filter(({ Effect }) => Effect === "Allow").every(holds);
  };

const isAnybody = ({ Principal }: Statement) => [Principal, at(Principal, "AWS")].some((one) => one === "*");

/** Reading what there is names no single thing; everything else does. */
const LOOKS = /^\w+:(Describe\w*|List\w*|Get(Resources|MetricData|InstanceTypes\w+))$/;

/** Services that take a role for somebody's sake: without a condition they would for everybody's. EC2 has none that fits. */
const needsNoCondition = (statement: Statement) => at(statement, "Principal", "Service") === "ec2.amazonaws.com";

const isForPods = (statement: Statement) => at(statement, "Principal", "Service") === "pods.eks.amazonaws.com";

const equals = (statement: Statement, key: string) => at(statement, "Condition", "StringEquals", key);

export const POLICY_RULES: Rules = {
  "aws:iam/role:Role": {
    "is taken by a service alone": allowsOnly(
      "assumeRolePolicy",
      (one) => typeof at(one, "Principal", "Service") === "string",
    ),
    "is taken for this account alone": allowsOnly(
      "assumeRolePolicy",
      (one) => needsNoCondition(one) || equals(one, "aws:SourceAccount") === "123456789012",
    ),
    "is taken for pods of one account of the cluster": allowsOnly(
      "assumeRolePolicy",
      (one) =>
        !isForPods(one) ||
        ["eks-cluster-arn", "kubernetes-namespace", "kubernetes-service-account"].every(
          (tag) => typeof equals(one, `aws:RequestTag/${tag}`) === "string",
        ),
    ),
  },
  "aws:iam/rolePolicy:RolePolicy": {
    "allows no action by a wildcard": allowsOnly("policy", ({ Action }) =>
      texts(Action).every((action) => !action.includes("*")),
    ),
    "allows everything to be looked at, and no more": allowsOnly("policy", ({ Action, Resource }) =>
      texts(Resource).includes("*")
        ? texts(Action).every((action) => LOOKS.test(action) || action === "s3:ListAllMyBuckets")
        : true,
    ),
  },
  "aws:iam/rolePolicyAttachment:RolePolicyAttachment": {
    "is no administrator's": (resource) => !/Admin|FullAccess|PowerUser/.test(String(input(resource, "policyArn"))),
  },
  "aws:kms/key:Key": {
    "is opened to nobody without a condition": allowsOnly(
      "policy",
      (one) => !isAnybody(one) || typeof equals(one, "kms:CallerAccount") === "string",
    ),
  },
  "aws:s3/bucketPolicy:BucketPolicy": {
    "allows nobody anything": (resource) => statements(resource, "policy").every(({ Effect }) => Effect === "Deny"),
    "denies what is not by TLS": (resource) =>
      statements(resource, "policy").some(
        (one) =>
          one["Action"] === "s3:*" && isAnybody(one) && at(one, "Condition", "Bool", "aws:SecureTransport") === "false",
      ),
    "denies old TLS": (resource) =>
      statements(resource, "policy").some(
        (one) => at(one, "Condition", "NumericLessThan", "s3:TlsVersion") === "1.2" && isAnybody(one),
      ),
  },
  "aws:backup/vaultPolicy:VaultPolicy": {
    "denies deletions": (resource) =>
      statements(resource, "policy").some(
        (one) =>
          one["Effect"] === "Deny" && isAnybody(one) && texts(one["Action"]).includes("backup:DeleteRecoveryPoint"),
      ),
  },
};
