import { Provider } from "@pulumi/aws/provider.js";
import { ComponentResource, type ResourceTransformationArgs } from "@pulumi/pulumi";
import { awsSettingsSchema, type AwsSettings } from "../../configs/aws-settings.ts";
import { foundation, type Foundation } from "../../infra/aws/foundation.ts";
import type { AwsPlace } from "../../infra/aws/place.ts";
import { awsNetwork, awsPools, awsSize, typesToAsk } from "../../infra/aws/plans.ts";
import { stackTags } from "../../infra/aws/tags.ts";
import { planNodePools } from "../../infra/plan/node-pools.ts";
import { EDGE, one } from "./aws-data.ts";
import { record, STACK, type Answers, type Functions, type RecordedResource } from "./recorder.ts";

/** Types of what the foundation of a stack on AWS is made of, by the names that tests use. */
export const TYPES = {
  vpc: "aws:ec2/vpc:Vpc",
  defaultGroup: "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup",
  subnet: "aws:ec2/subnet:Subnet",
  internet: "aws:ec2/internetGateway:InternetGateway",
  address: "aws:ec2/eip:Eip",
  nat: "aws:ec2/natGateway:NatGateway",
  routeTable: "aws:ec2/routeTable:RouteTable",
  route: "aws:ec2/route:Route",
  association: "aws:ec2/routeTableAssociation:RouteTableAssociation",
  endpoint: "aws:ec2/vpcEndpoint:VpcEndpoint",
  flowLog: "aws:ec2/flowLog:FlowLog",
  launchTemplate: "aws:ec2/launchTemplate:LaunchTemplate",
  securityGroup: "aws:ec2/securityGroup:SecurityGroup",
  ingress: "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
  logGroup: "aws:cloudwatch/logGroup:LogGroup",
  key: "aws:kms/key:Key",
  alias: "aws:kms/alias:Alias",
  role: "aws:iam/role:Role",
  rolePolicy: "aws:iam/rolePolicy:RolePolicy",
  attachedPolicy: "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
  cluster: "aws:eks/cluster:Cluster",
  accessEntry: "aws:eks/accessEntry:AccessEntry",
  accessPolicy: "aws:eks/accessPolicyAssociation:AccessPolicyAssociation",
  addon: "aws:eks/addon:Addon",
  nodeGroup: "aws:eks/nodeGroup:NodeGroup",
  podIdentity: "aws:eks/podIdentityAssociation:PodIdentityAssociation",
  id: "random:index/randomId:RandomId",
} as const;

export const ACCOUNT = { account: "123456789012", region: "eu-central-1" } as const;

/** Name that the cluster gets. */
export const CLUSTER = `slipway-${STACK}-0badcafe`;

/** ARN that a recorded resource gets. */
export function arnOf(service: string, name: string): string {
  return `arn:aws:${service}:${ACCOUNT.region}:${ACCOUNT.account}:${name}`;
}

const withArn = (service: string) => (name: string) => ({ arn: arnOf(service, name) });

/** What AWS would make up. */
export const FOUNDATION_ANSWERS: Answers = {
  [TYPES.id]: () => ({ hex: "0badcafe" }),
  [TYPES.key]: (name) => ({ ...withArn("kms")(name), keyId: `${name}-key` }),
  [TYPES.role]: (name) => ({ ...withArn("iam")(name), name: `${name}-made` }),
  [TYPES.logGroup]: withArn("logs"),
  [TYPES.address]: (name) => ({ allocationId: `${name}-allocation`, publicIp: `address-of-${name}` }),
  [TYPES.cluster]: () => ({
    arn: arnOf("eks", `cluster/${CLUSTER}`),
    endpoint: "https://cluster.eks.example",
    certificateAuthority: { data: "Y2E=" },
    vpcConfig: { clusterSecurityGroupId: "sg-cluster" },
  }),
  [TYPES.launchTemplate]: () => ({ latestVersion: 3 }),
  [TYPES.nodeGroup]: (name) => ({ resources: [{ autoscalingGroups: [{ name: `asg-of-${name}` }] }] }),
};

export const ADMIN = "arn:aws:iam::123456789012:role/ci/deployer";

const ZONES = ["eu-central-1a", "eu-central-1b", "eu-central-1c"];

/** What a stack's file says at least. */
export const LEAST = {
  ...ACCOUNT,
  network: { cidr: "10.20.0.0/16", zones: ZONES },
  cluster: { admins: [ADMIN], publicCidrs: [] },
  data: { edge: EDGE },
};

/** Settings of `slipway:aws`, but for what a test says. */
export function awsSettings(more: object = {}): AwsSettings {
  return awsSettingsSchema.parse({ ...LEAST, ...more });
}

export interface RecordOptions {
  readonly settings?: AwsSettings;
  /** @default true */
  readonly keep?: boolean;
  /** Zones that have an instance type, where not all do. */
  readonly zonesOf?: (type: string) => readonly string[];
}

/** Options that the recorder does not see, by type and name. */
export type IgnoredChanges = ReadonlyMap<string, readonly string[]>;

export interface RecordedPart<T> {
  readonly result: T;
  readonly resources: readonly RecordedResource[];
  /** Inputs that belong to somebody else once a resource is there, by `<type> <name>`. */
  readonly ignored: IgnoredChanges;
}

/** A place in a recorded program: a component of its own, with a provider. */
function placeFor(keep: boolean, ignored: Map<string, readonly string[]>): AwsPlace {
  const note = ({ type, name, opts }: ResourceTransformationArgs) => {
    if ("ignoreChanges" in opts) ignored.set(`${type} ${name}`, opts.ignoreChanges ?? []);
    return undefined;
  };
  const parent = new ComponentResource("slipway:aws:Platform", "aws", {}, { transformations: [note] });
  const provider = new Provider("aws", { region: ACCOUNT.region }, { parent });
  return { parent, provider, stack: STACK, tags: stackTags({ stack: STACK, environment: "prod" }), keep };
}

/**
 * Runs what makes resources, and gives them and its result.
 *
 * @param more what AWS would make up of others than those of the foundation
 * @param functions what AWS would answer to questions
 */
export async function recordPart<T>(
  make: (place: AwsPlace) => T,
  keep = true,
  more: Answers = {},
  functions: Functions = {},
): Promise<RecordedPart<T>> {
  const ignored = new Map<string, readonly string[]>();
  const answers = { ...FOUNDATION_ANSWERS, ...more };
  return { ...(await record(() => make(placeFor(keep, ignored)), answers, {}, functions)), ignored };
}

/** Runs all of the foundation. */
export async function recordFoundation({
  settings = awsSettings(),
  keep = true,
  zonesOf = () => ZONES,
}: RecordOptions = {}): Promise<RecordedPart<Foundation>> {
  const size = awsSize(STACK, settings);
  const config = awsPools(settings, size);
  const offerings = new Map(typesToAsk(config).map((type) => [type, zonesOf(type)]));
  const pools = planNodePools(STACK, config, offerings);
  const networkPlan = awsNetwork(STACK, settings, size);
  return recordPart((where) => foundation({ settings, networkPlan, pools, place: where }), keep);
}

/** All resources of a type. */
export function ofType(resources: readonly RecordedResource[], type: string): readonly RecordedResource[] {
  return resources.filter((resource) => resource.type === type);
}

/** Types and names of what a resource waits for: `<type> <name>`. */
export function waitsFor(resources: readonly RecordedResource[], type: string, name: string): string[] {
  return one(resources, type, name).dependencies.map((urn) => {
    const [chain = "", logical = ""] = urn.split("::").slice(-2);
    return `${chain.split("$").at(-1) ?? ""} ${logical}`;
  });
}

export { inputs, names, one } from "./aws-data.ts";
