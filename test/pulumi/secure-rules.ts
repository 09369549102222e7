import { absent, at, beside, both, each, includes, input, is, listAt, parameter } from "../../policies/checks.ts";
import type { Checked, Checks, Holds } from "../../policies/rule.ts";
import { AWS, BUCKET } from "../../policies/types.ts";
import { isSecretEnvelope, type RecordedResource } from "./recorder.ts";
import { withKey } from "./secure.ts";

/** What has to hold of a prod stack on AWS besides the rules of the policy pack: how its own parts belong together. */

const isOpen = (resource: Checked) => String(input(resource, "cidrIpv4")).endsWith("/0");

const isOneService: Holds = (resource) =>
  input(resource, "ipProtocol") === "tcp" && input(resource, "fromPort") === input(resource, "toPort");

/** Whether the engine gets it as a secret: the pack sees secrets in clear, as a plugin does. */
const isSent =
  (...path: readonly string[]): Holds =>
  (resource) =>
    "sent" in resource && isSecretEnvelope(at((resource as RecordedResource).sent, ...path));

const NETWORK: Checks = {
  "aws:ec2/vpc:Vpc": { "is watched": beside("aws:ec2/flowLog:FlowLog", "vpcId", is("trafficType", "ALL")) },
  "aws:ec2/route:Route": {
    "leads from nothing but public subnets to the internet": (resource) =>
      input(resource, "gatewayId") === undefined || input(resource, "routeTableId") === "public-id",
    "does not lead out of data subnets": (resource) => input(resource, "routeTableId") !== "data-id",
  },
  "aws:ec2/vpcEndpoint:VpcEndpoint": {
    "is reached from the network alone": (resource) =>
      input(resource, "vpcEndpointType") === "Gateway" || each("securityGroupIds", /^endpoints-id$/)(resource, []),
  },
  "aws:ec2/securityGroup:SecurityGroup": { "has its rules beside it": both(absent("ingress"), absent("egress")) },
  "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": {
    "opens to everybody nothing but the edge": (resource) =>
      !isOpen(resource) || input(resource, "securityGroupId") === "edge-id",
    "opens one port": isOneService,
  },
  "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": {
    "leads to the nodes' port alone": both(absent("cidrIpv4"), isOneService),
  },
};

const NODES: Checks = {
  [AWS.cluster]: {
    "encrypts Kubernetes' secrets with our key": withKey("encryptionConfig.provider.keyArn", "cluster"),
    "stands in private subnets": each("vpcConfig.subnetIds", /^private-/),
    "logs who did what": includes("enabledClusterLogTypes", "api", "audit", "authenticator"),
    "takes nobody but by access entries": is("accessConfig.authenticationMode", "API"),
    "gives whoever makes it no rights": is("accessConfig.bootstrapClusterCreatorAdminPermissions", false),
  },
  [AWS.launchTemplate]: {
    "encrypts disks with our key": withKey("blockDeviceMappings.0.ebs.kmsKeyId", "cluster"),
  },
  "aws:eks/nodeGroup:NodeGroup": { "stands in private subnets": each("subnetIds", /^private-/) },
  "aws:eks/podIdentityAssociation:PodIdentityAssociation": {
    "tells who a pod is": is("disableSessionTags", false),
  },
};

const DATA: Checks = {
  [AWS.database]: {
    "is encrypted with our key": withKey("kmsKeyId", "database"),
    "stands in two zones": is("multiAz", true),
    "has a master password that nobody knows": both(is("manageMasterUserPassword", true), absent("password")),
    "has it encrypted with our key": withKey("masterUserSecretKmsKeyId", "secrets"),
    logs: includes("enabledCloudwatchLogsExports", "postgresql"),
    "has insights encrypted with our key": withKey("performanceInsightsKmsKeyId", "database"),
    "changes nothing in the middle of a day": is("applyImmediately", false),
  },
  [AWS.databaseParameters]: {
    "notes who came": parameter("log_connections", "1"),
    "notes no values of statements": parameter("log_parameter_max_length", "0"),
    "notes no statements": parameter("log_statement", "none"),
  },
  "aws:rds/subnetGroup:SubnetGroup": { "is of data subnets": each("subnetIds", /^data-/) },
  "aws:elasticache/subnetGroup:SubnetGroup": { "is of data subnets": each("subnetIds", /^data-/) },
  [AWS.cache]: {
    "is encrypted with our key": withKey("kmsKeyId", "cache"),
    "has its password as a secret": isSent("authToken"),
    "is taken over by itself": both(is("automaticFailoverEnabled", true), is("multiAzEnabled", true)),
  },
  "aws:elasticache/parameterGroup:ParameterGroup": { "forgets nothing": parameter("maxmemory-policy", "noeviction") },
  [BUCKET.encryption]: {
    "is with our key": (resource) =>
      /:key-objects(-replica)?$/.test(
        String(input(resource, "rules.0.applyServerSideEncryptionByDefault.kmsMasterKeyId")),
      ),
  },
  [BUCKET.replication]: {
    "encrypts the copy with the key there": withKey(
      "rules.0.destination.encryptionConfiguration.replicaKmsKeyId",
      "objects-replica",
    ),
  },
  [AWS.repository]: { "is encrypted with our key": withKey("encryptionConfigurations.0.kmsKey", "registry") },
  [AWS.vault]: {
    "is encrypted with our key": (resource) => /:key-backup(-copy)?$/.test(String(input(resource, "kmsKeyArn"))),
  },
};

const hasRule = (pattern: RegExp): Holds => {
  return ({ inputs }) =>
    listAt(inputs, "rules").some(
      (rule) => pattern.test(String(at(rule, "name"))) && at(rule, "action", "block") !== undefined,
    );
};

const KEYS_AND_EDGE: Checks = {
  [AWS.logGroup]: { "is encrypted with our key": withKey("kmsKeyId", "logs") },
  [AWS.secret]: { "is encrypted with our key": withKey("kmsKeyId", "secrets") },
  "aws:secretsmanager/secretVersion:SecretVersion": { "is a secret in the state": isSent("secretString") },
  [AWS.loadBalancer]: {
    "drops headers that are none": is("dropInvalidHeaderFields", true),
    "answers nobody where the firewall does not": is("enableWafFailOpen", false),
    "is careful with requests that two read differently": (resource) =>
      ["defensive", "strictest"].includes(String(input(resource, "desyncMitigationMode"))),
    "has a firewall": beside("aws:wafv2/webAclAssociation:WebAclAssociation", "resourceArn"),
  },
  "aws:wafv2/webAcl:WebAcl": {
    "hides metrics": hasRule(/^metrics$/),
    "limits the rate": hasRule(/^rate$/),
    "blocks what AWS knows": ({ inputs }) => {
      const groups = listAt(inputs, "rules").filter((rule) => at(rule, "statement", "managedRuleGroupStatement"));
      return groups.length >= 3 && groups.every((rule) => at(rule, "overrideAction", "none") !== undefined);
    },
    "notes what it blocks": beside("aws:wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration", "resourceArn"),
  },
  "aws:wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration": {
    "notes no credentials": ({ inputs }) =>
      listAt(inputs, "redactedFields").some((field) => at(field, "singleHeader", "name") === "authorization"),
  },
  "docker:index/registryImage:RegistryImage": { "has its login as a secret": isSent("authConfig", "password") },
  "pulumi:providers:aws": { "takes credentials of our account": is("allowedAccountIds", '["123456789012"]') },
};

/** All of them. A type that several tables name has the rules of each. */
export const SECURE: Checks = [NETWORK, NODES, DATA, KEYS_AND_EDGE].reduce<Checks>(
  (all, table) => ({
    ...all,
    ...Object.fromEntries(Object.entries(table).map(([type, rules]) => [type, { ...all[type], ...rules }])),
  }),
  {},
);
