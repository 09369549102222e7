import { at, listAt } from "./kubernetes.ts";
import { isSecretEnvelope, type RecordedResource } from "./recorder.ts";
import { POLICY_RULES } from "./secure-policies.ts";
import {
  absent,
  atLeast,
  beside,
  both,
  each,
  empty,
  includes,
  input,
  is,
  isProtected,
  parameter,
  withKey,
  type Holds,
  type Rules,
} from "./secure.ts";

/** What has to hold of every resource of a prod stack on AWS, by its type. */

const S3 = (name: string) => `aws:s3/${name.charAt(0).toLowerCase()}${name.slice(1)}:${name}`;

const isOpen = (resource: RecordedResource) => String(input(resource, "cidrIpv4")).endsWith("/0");

const isOneService: Holds = (resource) =>
  input(resource, "ipProtocol") === "tcp" && input(resource, "fromPort") === input(resource, "toPort");

const NETWORK: Rules = {
  "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup": {
    "lets nothing in": empty("ingress"),
    "lets nothing out": empty("egress"),
  },
  "aws:ec2/vpc:Vpc": { "is watched": beside("aws:ec2/flowLog:FlowLog", "vpcId", is("trafficType", "ALL")) },
  "aws:ec2/subnet:Subnet": { "gives no public addresses": is("mapPublicIpOnLaunch", false) },
  "aws:ec2/route:Route": {
    "leads from nothing but public subnets to the internet": (resource) =>
      input(resource, "gatewayId") === undefined || input(resource, "routeTableId") === "public-id",
    "does not lead out of data subnets": (resource) => input(resource, "routeTableId") !== "data-id",
  },
  "aws:ec2/vpcEndpoint:VpcEndpoint": {
    "is reached from the network alone": (resource) =>
      input(resource, "vpcEndpointType") === "Gateway" || each("securityGroupIds", /^endpoints-id$/)(resource, []),
  },
  "aws:ec2/securityGroup:SecurityGroup": {
    "has its rules beside it": both(absent("ingress"), absent("egress")),
  },
  "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": {
    "opens to everybody nothing but the edge": (resource) =>
      !isOpen(resource) ||
      (input(resource, "securityGroupId") === "edge-id" && [80, 443].includes(Number(input(resource, "fromPort")))),
    "opens one port": isOneService,
  },
  "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": {
    "leads to the nodes' port alone": both(absent("cidrIpv4"), isOneService),
  },
};

const NODES: Rules = {
  "aws:eks/cluster:Cluster": {
    "encrypts Kubernetes' secrets with our key": both(
      includes("encryptionConfig.resources", "secrets"),
      withKey("encryptionConfig.provider.keyArn", "cluster"),
    ),
    "answers in the network": is("vpcConfig.endpointPrivateAccess", true),
    "answers on the internet to named networks alone": (resource) =>
      input(resource, "vpcConfig.endpointPublicAccess") === false ||
      each("vpcConfig.publicAccessCidrs", /\/(1[6-9]|2\d|3[0-2])$/)(resource, []),
    "stands in private subnets": each("vpcConfig.subnetIds", /^private-/),
    "logs who did what": includes("enabledClusterLogTypes", "api", "audit", "authenticator"),
    "takes nobody but by access entries": is("accessConfig.authenticationMode", "API"),
    "gives whoever makes it no rights": is("accessConfig.bootstrapClusterCreatorAdminPermissions", false),
    "is protected by EKS": is("deletionProtection", true),
    "is protected": isProtected,
  },
  "aws:ec2/launchTemplate:LaunchTemplate": {
    "asks for a token where credentials are": is("metadataOptions.httpTokens", "required"),
    "keeps pods from the node's credentials": is("metadataOptions.httpPutResponseHopLimit", 1),
    "encrypts disks": is("blockDeviceMappings.0.ebs.encrypted", "true"),
    "encrypts disks with our key": withKey("blockDeviceMappings.0.ebs.kmsKeyId", "cluster"),
    "gives no public address": absent("networkInterfaces"),
    "lets nobody log in": absent("keyName"),
  },
  "aws:eks/nodeGroup:NodeGroup": {
    "lets nobody log in": absent("remoteAccess"),
    "stands in private subnets": each("subnetIds", /^private-/),
  },
  "aws:eks/podIdentityAssociation:PodIdentityAssociation": {
    "tells who a pod is": is("disableSessionTags", false),
  },
};

const DATA: Rules = {
  "aws:rds/instance:Instance": {
    "is encrypted": is("storageEncrypted", true),
    "is encrypted with our key": withKey("kmsKeyId", "database"),
    "is not public": is("publiclyAccessible", false),
    "stands in two zones": is("multiAz", true),
    "can be restored to each second of a month": atLeast("backupRetentionPeriod", 30),
    "keeps its backups when it goes": is("deleteAutomatedBackups", false),
    "leaves a last snapshot": is("skipFinalSnapshot", false),
    "is protected by RDS": is("deletionProtection", true),
    "is protected": isProtected,
    "has a master password that nobody knows": both(is("manageMasterUserPassword", true), absent("password")),
    "has it encrypted with our key": withKey("masterUserSecretKmsKeyId", "secrets"),
    logs: includes("enabledCloudwatchLogsExports", "postgresql"),
    "has insights encrypted with our key": withKey("performanceInsightsKmsKeyId", "database"),
    "changes nothing in the middle of a day": is("applyImmediately", false),
  },
  "aws:rds/parameterGroup:ParameterGroup": {
    "speaks TLS alone": parameter("rds.force_ssl", "1"),
    "speaks no old TLS": parameter("ssl_min_protocol_version", "TLSv1.2"),
    "keeps passwords by SCRAM": parameter("password_encryption", "scram-sha-256"),
    "notes who came": parameter("log_connections", "1"),
    "notes no values of statements": parameter("log_parameter_max_length", "0"),
    "notes no statements": parameter("log_statement", "none"),
  },
  "aws:rds/subnetGroup:SubnetGroup": { "is of data subnets": each("subnetIds", /^data-/) },
  "aws:elasticache/subnetGroup:SubnetGroup": { "is of data subnets": each("subnetIds", /^data-/) },
  "aws:elasticache/replicationGroup:ReplicationGroup": {
    "is encrypted": is("atRestEncryptionEnabled", true),
    "is encrypted with our key": withKey("kmsKeyId", "cache"),
    "speaks TLS": is("transitEncryptionEnabled", true),
    "speaks TLS alone": is("transitEncryptionMode", "required"),
    "asks for a password": (resource) => isSecretEnvelope(resource.sent["authToken"]),
    "is taken over by itself": both(is("automaticFailoverEnabled", true), is("multiAzEnabled", true)),
    "has snapshots": atLeast("snapshotRetentionLimit", 1),
    "leaves a last snapshot": (resource) => typeof input(resource, "finalSnapshotIdentifier") === "string",
    "is protected": isProtected,
  },
  "aws:elasticache/parameterGroup:ParameterGroup": { "forgets nothing": parameter("maxmemory-policy", "noeviction") },
  [S3("Bucket")]: {
    "keeps what is in it": is("forceDestroy", false),
    "is protected": isProtected,
    "is encrypted with our key": beside(
      S3("BucketServerSideEncryptionConfiguration"),
      "bucket",
      (resource) =>
        input(resource, "rules.0.applyServerSideEncryptionByDefault.sseAlgorithm") === "aws:kms" &&
        /:key-objects(-replica)?$/.test(
          String(input(resource, "rules.0.applyServerSideEncryptionByDefault.kmsMasterKeyId")),
        ),
    ),
    "keeps versions": beside(S3("BucketVersioning"), "bucket", is("versioningConfiguration.status", "Enabled")),
    "is not public": beside(
      S3("BucketPublicAccessBlock"),
      "bucket",
      both(
        ...["blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets"].map((key) =>
          is(key, true),
        ),
      ),
    ),
    "has no lists of access": beside(
      S3("BucketOwnershipControls"),
      "bucket",
      is("rule.objectOwnership", "BucketOwnerEnforced"),
    ),
    "has a policy": beside(S3("BucketPolicy"), "bucket"),
    "forgets versions in time": beside(S3("BucketLifecycleConfiguration"), "bucket"),
  },
  [S3("BucketReplicationConfig")]: {
    "encrypts the copy with the key there": withKey(
      "rules.0.destination.encryptionConfiguration.replicaKmsKeyId",
      "objects-replica",
    ),
    "is on": is("rules.0.status", "Enabled"),
  },
  "aws:ecr/repository:Repository": {
    "has tags for good": is("imageTagMutability", "IMMUTABLE"),
    "is looked through": is("imageScanningConfiguration.scanOnPush", true),
    "is encrypted with our key": withKey("encryptionConfigurations.0.kmsKey", "registry"),
    "keeps images when it goes": is("forceDelete", false),
  },
  "aws:backup/vault:Vault": {
    "is encrypted with our key": (resource) => /:key-backup(-copy)?$/.test(String(input(resource, "kmsKeyArn"))),
    "is locked": beside("aws:backup/vaultLockConfiguration:VaultLockConfiguration", "backupVaultName"),
    "has a policy": beside("aws:backup/vaultPolicy:VaultPolicy", "backupVaultName"),
    "is protected": isProtected,
  },
};

const hasRule = (pattern: RegExp): Holds => {
  return ({ inputs }) =>
    listAt(inputs, "rules").some(
      (rule) => pattern.test(String(at(rule, "name"))) && at(rule, "action", "block") !== undefined,
    );
};

const KEYS_AND_EDGE: Rules = {
  "aws:kms/key:Key": {
    turns: is("enableKeyRotation", true),
    "can be brought back for a month": atLeast("deletionWindowInDays", 30),
    "does not lock us out": is("bypassPolicyLockoutSafetyCheck", false),
    "is protected": isProtected,
  },
  "aws:cloudwatch/logGroup:LogGroup": {
    "is encrypted with our key": withKey("kmsKeyId", "logs"),
    "is kept for a month": atLeast("retentionInDays", 30),
    "is protected": isProtected,
  },
  "aws:secretsmanager/secret:Secret": {
    "is encrypted with our key": withKey("kmsKeyId", "secrets"),
    "can be brought back": atLeast("recoveryWindowInDays", 7),
  },
  "aws:secretsmanager/secretVersion:SecretVersion": {
    "is a secret in the state": (resource) => isSecretEnvelope(resource.sent["secretString"]),
  },
  "aws:lb/loadBalancer:LoadBalancer": {
    "drops headers that are none": is("dropInvalidHeaderFields", true),
    "answers nobody where the firewall does not": is("enableWafFailOpen", false),
    "is careful with requests that two read differently": (resource) =>
      ["defensive", "strictest"].includes(String(input(resource, "desyncMitigationMode"))),
    "is protected by AWS": is("enableDeletionProtection", true),
    "is protected": isProtected,
    "has a firewall": beside("aws:wafv2/webAclAssociation:WebAclAssociation", "resourceArn"),
  },
  "aws:lb/listener:Listener": {
    "speaks no old TLS": (resource) =>
      input(resource, "protocol") !== "HTTPS" ||
      input(resource, "sslPolicy") === "ELBSecurityPolicy-TLS13-1-2-Res-2021-06",
    "passes on nothing in clear": (resource) =>
      input(resource, "protocol") === "HTTPS" ||
      at(resource.inputs, "defaultActions", 0, "redirect", "protocol") === "HTTPS",
    "tells browsers to speak TLS alone": (resource) =>
      input(resource, "protocol") !== "HTTPS" ||
      /^max-age=\d{8}/.test(String(input(resource, "routingHttpResponseStrictTransportSecurityHeaderValue"))),
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
  "docker:index/registryImage:RegistryImage": {
    "has its login as a secret": ({ sent }) => isSecretEnvelope(at(sent, "authConfig", "password")),
  },
  "pulumi:providers:aws": {
    "takes credentials of one account": (resource) => input(resource, "allowedAccountIds") === '["123456789012"]',
  },
};

/** All of them. A type that several tables name has the rules of each. */
export const SECURE: Rules = [NETWORK, NODES, DATA, KEYS_AND_EDGE, POLICY_RULES].reduce<Rules>(
  (all, table) => ({
    ...all,
    ...Object.fromEntries(Object.entries(table).map(([type, rules]) => [type, { ...all[type], ...rules }])),
  }),
  {},
);
