import { at, input, value } from "../checks.ts";
import { allowsOnly, equals, isAnybody, texts, type Statement } from "../documents.ts";
import type { Rule } from "../rule.ts";
import { AWS, BUCKET } from "../types.ts";

/** Reading what there is names no single thing; everything else does. */
const LOOKS = /^\w+:(Describe\w*|List\w*|Get(Resources|MetricData|InstanceTypes\w+))$/;

/** Services that take a role for somebody's sake: without a condition they would for everybody's. EC2 has none that fits. */
const needsNoCondition = (statement: Statement) => at(statement, "Principal", "Service") === "ec2.amazonaws.com";

const isForPods = (statement: Statement) => at(statement, "Principal", "Service") === "pods.eks.amazonaws.com";

const POD_TAGS = ["eks-cluster-arn", "kubernetes-namespace", "kubernetes-service-account"];

export const leastRights: Rule = {
  name: "least-rights",
  description:
    "Roles name what they may do and to what, are taken by services of this account alone, and are nobody's administrator.",
  mend: "Name actions, resources and conditions in the policy's statements.",
  checks: {
    "aws:iam/role:Role": {
      "is taken by a service alone": allowsOnly(
        "assumeRolePolicy",
        (one) => typeof at(one, "Principal", "Service") === "string",
      ),
      "is taken for one account alone": allowsOnly(
        "assumeRolePolicy",
        (one) => needsNoCondition(one) || typeof equals(one, "aws:SourceAccount") === "string",
      ),
      "is taken for pods of one account of the cluster": allowsOnly(
        "assumeRolePolicy",
        (one) => !isForPods(one) || POD_TAGS.every((tag) => typeof equals(one, `aws:RequestTag/${tag}`) === "string"),
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
    [AWS.key]: {
      "is opened to nobody without a condition": allowsOnly(
        "policy",
        (one) => !isAnybody(one) || typeof equals(one, "kms:CallerAccount") === "string",
      ),
    },
    [BUCKET.policy]: { "allows nobody anything": allowsOnly("policy", () => false) },
    "pulumi:providers:aws": {
      "takes credentials of one account": value("allowedAccountIds", "one account", isOneAccount),
    },
  },
};

/** Pulumi writes lists of a provider as JSON. */
function isOneAccount(found: unknown): boolean {
  const accounts: unknown = typeof found === "string" ? JSON.parse(found) : found;
  return Array.isArray(accounts) && accounts.length === 1;
}
