import { at, listAt, ofEach, value } from "../checks.ts";
import type { Checked, Rule } from "../rule.ts";
import { AWS, BUCKET, DOCKER, WORKLOADS } from "../types.ts";
import { UNKNOWN } from "../unknown.ts";

/** What costs money or holds data; infra/aws/tags.ts says what each tag is for. */
const TAGGED = [
  ...Object.values(AWS),
  BUCKET.itself,
  "aws:ec2/vpc:Vpc",
  "aws:ec2/natGateway:NatGateway",
  "aws:ec2/eip:Eip",
  "aws:ec2/securityGroup:SecurityGroup",
  "aws:ec2/subnet:Subnet",
  "aws:ec2/vpcEndpoint:VpcEndpoint",
  "aws:eks/nodeGroup:NodeGroup",
  "aws:iam/role:Role",
  "aws:wafv2/webAcl:WebAcl",
];

const TAGS = ["slipway:stack", "slipway:environment", "slipway:managed-by"];

const LABELS = ["app.kubernetes.io/part-of", "app.kubernetes.io/instance"];

const hasAll = (names: readonly string[]) => (found: unknown) => names.every((name) => at(found, name) !== undefined);

const hasLabel = (name: string) => (resource: Checked) =>
  at(resource.inputs, "labels") === UNKNOWN ||
  listAt(resource.inputs, "labels").some((one) => one === UNKNOWN || at(one, "label") === name);

export const tagged: Rule = {
  name: "tagged",
  description:
    "What costs money, holds data or runs says which stack it is of: costs, drift and clearing up go by that.",
  mend: "Give it tagged() of infra/aws/place.ts, or labels() of its platform.",
  checks: {
    ...ofEach(TAGGED, { "says whose it is": value("tags", `with ${TAGS.join(", ")}`, hasAll(TAGS)) }),
    ...ofEach(WORKLOADS, { "says whose it is": value("metadata.labels", `with ${LABELS.join(", ")}`, hasAll(LABELS)) }),
    ...ofEach([DOCKER.container, DOCKER.volume, DOCKER.network], {
      "says whose it is": (resource: Checked) =>
        ["slipway.project", "slipway.stack"].every((one) => hasLabel(one)(resource)),
    }),
  },
};
