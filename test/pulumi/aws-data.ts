import { Provider } from "@pulumi/aws/provider.js";
import { ComponentResource, secret } from "@pulumi/pulumi";
import { awsDataSchema, type AwsDataSettings } from "../../configs/aws-data-settings.ts";
import type { AwsPlace } from "../../infra/aws/place.ts";
import { canary, TYPES as DOCKER_TYPES } from "./docker.ts";
import { isSecretEnvelope, record, STACK, type Answers, type Functions, type RecordedResource } from "./recorder.ts";

/** Types of what data services and edge of a stack on AWS are made of, by the names that tests use. */
export const TYPES = {
  password: DOCKER_TYPES.password,
  id: DOCKER_TYPES.id,
  securityGroup: "aws:ec2/securityGroup:SecurityGroup",
  ingress: "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
  egress: "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule",
  logGroup: "aws:cloudwatch/logGroup:LogGroup",
  key: "aws:kms/key:Key",
  role: "aws:iam/role:Role",
  rolePolicy: "aws:iam/rolePolicy:RolePolicy",
  attachedPolicy: "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
  database: "aws:rds/instance:Instance",
  databaseParameters: "aws:rds/parameterGroup:ParameterGroup",
  databaseSubnets: "aws:rds/subnetGroup:SubnetGroup",
  rotation: "aws:secretsmanager/secretRotation:SecretRotation",
  secret: "aws:secretsmanager/secret:Secret",
  secretVersion: "aws:secretsmanager/secretVersion:SecretVersion",
  cache: "aws:elasticache/replicationGroup:ReplicationGroup",
  cacheParameters: "aws:elasticache/parameterGroup:ParameterGroup",
  cacheSubnets: "aws:elasticache/subnetGroup:SubnetGroup",
  bucket: "aws:s3/bucket:Bucket",
  versioning: "aws:s3/bucketVersioning:BucketVersioning",
  encryption: "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
  publicAccess: "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
  ownership: "aws:s3/bucketOwnershipControls:BucketOwnershipControls",
  bucketPolicy: "aws:s3/bucketPolicy:BucketPolicy",
  lifecycle: "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration",
  bucketLogging: "aws:s3/bucketLogging:BucketLogging",
  replication: "aws:s3/bucketReplicationConfig:BucketReplicationConfig",
  repository: "aws:ecr/repository:Repository",
  imageLifecycle: "aws:ecr/lifecyclePolicy:LifecyclePolicy",
  vault: "aws:backup/vault:Vault",
  vaultLock: "aws:backup/vaultLockConfiguration:VaultLockConfiguration",
  vaultPolicy: "aws:backup/vaultPolicy:VaultPolicy",
  backupPlan: "aws:backup/plan:Plan",
  backupSelection: "aws:backup/selection:Selection",
  budget: "aws:budgets/budget:Budget",
  alarm: "aws:cloudwatch/metricAlarm:MetricAlarm",
  loadBalancer: "aws:lb/loadBalancer:LoadBalancer",
  listener: "aws:lb/listener:Listener",
  targetGroup: "aws:lb/targetGroup:TargetGroup",
  targets: "aws:autoscaling/attachment:Attachment",
  certificate: "aws:acm/certificate:Certificate",
  issued: "aws:acm/certificateValidation:CertificateValidation",
  dns: "aws:route53/record:Record",
  firewall: "aws:wafv2/webAcl:WebAcl",
  firewallAssociation: "aws:wafv2/webAclAssociation:WebAclAssociation",
  firewallLogging: "aws:wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration",
} as const;

/** What AWS makes up of every resource that has an ARN and a name. */
const named = (service: string) => (name: string) => ({ arn: arnOf(service, name), name: `${name}-made` });

/** The ARN of a recorded resource. */
export function arnOf(service: string, name: string): string {
  return `arn:aws:${service}:eu-central-1:123456789012:${name}`;
}

/** What the plugins would answer; every generated password is a canary. */
export const ANSWERS: Answers = {
  [TYPES.password]: (name) => ({ result: secret(canary(name)) }),
  [TYPES.id]: () => ({ hex: "0badcafe" }),
  [TYPES.key]: (name) => ({ arn: arnOf("kms", name), keyId: `${name}-key` }),
  [TYPES.role]: named("iam"),
  [TYPES.logGroup]: (name) => ({ arn: arnOf("logs", name) }),
  [TYPES.databaseParameters]: named("rds"),
  [TYPES.databaseSubnets]: named("rds"),
  [TYPES.cacheParameters]: named("elasticache"),
  [TYPES.cacheSubnets]: named("elasticache"),
  [TYPES.database]: (name) => ({
    arn: arnOf("rds", name),
    address: `${name}.rds.example`,
    masterUserSecrets: [{ secretArn: arnOf("secretsmanager", "rds-master"), secretStatus: "active", kmsKeyId: "k" }],
  }),
  [TYPES.cache]: (name) => ({ arn: arnOf("elasticache", name), primaryEndpointAddress: `${name}.cache.example` }),
  [TYPES.bucket]: (name) => ({ arn: `arn:aws:s3:::${name}-made`, bucket: `${name}-made` }),
  [TYPES.repository]: (name) => ({ arn: arnOf("ecr", name), repositoryUrl: `registry.example/${name}` }),
  [TYPES.vault]: named("backup"),
  [TYPES.backupPlan]: named("backup"),
  [TYPES.secret]: named("secretsmanager"),
  [TYPES.loadBalancer]: (name) => ({
    arn: arnOf("lb", name),
    dnsName: `${name}.lb.example`,
    zoneId: "ZLB",
    arnSuffix: `app/${name}`,
  }),
  [TYPES.targetGroup]: (name) => ({ ...named("lb")(name), arnSuffix: `targetgroup/${name}` }),
  [TYPES.firewall]: named("wafv2"),
  [TYPES.certificate]: (name) => ({
    arn: arnOf("acm", name),
    domainValidationOptions: [
      { resourceRecordName: "_1.example.org.", resourceRecordType: "CNAME", resourceRecordValue: "_2.acm.example." },
    ],
  }),
  [TYPES.dns]: (name) => ({ fqdn: `${name}.example.org` }),
};

/** Password of a login to ECR, as tests look for it. */
export const LOGIN_PASSWORD = canary("ecr-login");

/** How ECR lets somebody in. */
export const ECR_LOGIN: Functions = {
  "aws:ecr/getAuthorizationToken:getAuthorizationToken": () => ({
    ...{ proxyEndpoint: "https://registry.example", userName: "AWS", password: LOGIN_PASSWORD },
  }),
};

/** What every stack has said that tests look at. */
export const EDGE = { host: "api.example.org", zoneId: "Z0123456789ABC" };

/** Settings of `aws.data`, but for what a test says. */
export function dataSettings(data: object = {}): AwsDataSettings {
  return awsDataSchema.parse({ edge: EDGE, ...data });
}

/** Whose the resources are. */
export const ACCOUNT = { account: "123456789012", region: "eu-central-1" } as const;

/** ARNs of keys by their purpose. */
export const KEYS = {
  database: arnOf("kms", "database"),
  cache: arnOf("kms", "cache"),
  objects: arnOf("kms", "objects"),
  logs: arnOf("kms", "logs"),
  secrets: arnOf("kms", "secrets"),
  backup: arnOf("kms", "backup"),
};

/** Where parts of a stack stand in a test: a component of its own, with a provider. */
function placeFor(keep: boolean): AwsPlace {
  const parent = new ComponentResource("slipway:aws:Platform", "aws");
  const provider = new Provider("aws", { region: "eu-central-1" }, { parent });
  return { parent, provider, stack: STACK, tags: { "slipway:stack": STACK }, keep };
}

/** Runs what makes a part of a stack, and gives its resources and its result. */
export async function recordAws<T>(
  make: (place: AwsPlace) => T,
  { keep = true, config = {} }: { readonly keep?: boolean; readonly config?: Record<string, string> } = {},
): Promise<{ readonly result: T; readonly resources: readonly RecordedResource[] }> {
  return record(() => make(placeFor(keep)), ANSWERS, config);
}

/** One resource. */
export function one(resources: readonly RecordedResource[], type: string, name: string): RecordedResource {
  const found = resources.filter((resource) => resource.type === type && resource.name === name);
  const [first] = found;
  if (first === undefined || found.length > 1)
    throw new Error(`${found.length} ${type} are named ${name}, must be one`);
  return first;
}

/** The inputs of one resource. */
export function inputs(resources: readonly RecordedResource[], type: string, name: string) {
  return one(resources, type, name).inputs;
}

/** Names of a type's resources, in order. */
export function names(resources: readonly RecordedResource[], type: string): string[] {
  return resources
    .filter((resource) => resource.type === type)
    .map(({ name }) => name)
    .sort();
}

/** A policy that stands as JSON in inputs. */
export function policyIn(text: unknown): { readonly Statement: readonly Record<string, unknown>[] } {
  if (typeof text !== "string") throw new Error(`a policy is ${typeof text}, must be JSON`);
  return JSON.parse(text) as { readonly Statement: readonly Record<string, unknown>[] };
}

/** What the engine gets of all resources, without what is in an envelope. */
export function inClear(resources: readonly RecordedResource[]): string {
  const hide = (_key: string, value: unknown) => (isSecretEnvelope(value) ? "hidden" : value);
  return JSON.stringify(
    resources.map(({ type, name, sent }) => ({ type, name, sent })),
    hide,
  );
}
