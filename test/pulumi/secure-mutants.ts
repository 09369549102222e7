import type { RecordedResource } from "./recorder.ts";
import { keysOf } from "./secure.ts";

/** Changes of a prod stack's resources that must not go unnoticed: for each rule of `secure-rules.ts` one at least. */

/** A type's last part and a logical name: `Instance database`. */
export const key = ({ type, name }: RecordedResource) => `${type.split(":").at(-1) ?? ""} ${name}`;

/** A value with another one at a path; `undefined` takes it away. */
function put(value: unknown, path: readonly (string | number)[], wanted: unknown): unknown {
  const [first, ...rest] = path;
  if (first === undefined) return wanted;
  if (Array.isArray(value)) return value.map((one: unknown, index) => (index === first ? put(one, rest, wanted) : one));
  const fields = { ...(value as Record<string, unknown>) };
  return { ...fields, [first]: put(fields[first], rest, wanted) };
}

const inputs = (path: string, wanted: unknown) => (resource: RecordedResource) => [
  {
    ...resource,
    inputs: put(resource.inputs, keysOf(path), wanted) as RecordedResource["inputs"],
    sent: put(resource.sent, keysOf(path), wanted) as RecordedResource["sent"],
  },
];

/** One text of a policy is another. */
const policy = (path: string, from: string, to: string) => (resource: RecordedResource) => {
  const text = String(resource.inputs[path]);
  if (!text.includes(from)) throw new Error(`${key(resource)} does not say ${from}`);
  return inputs(path, text.replaceAll(from, to))(resource);
};

const parameters = (name: string, value: string) => (resource: RecordedResource) => {
  const all = resource.inputs["parameters"] as readonly { readonly name: string }[];
  return inputs(
    "parameters",
    all.map((one) => (one.name === name ? { ...one, value } : one)),
  )(resource);
};

const unprotected = (resource: RecordedResource) => [{ ...resource, isProtected: false }];
const gone = () => [];

export type Change = (resource: RecordedResource) => RecordedResource[];

/** Which resource, what becomes of it, and what is found then. */
export const MUTANTS: readonly (readonly [which: string, change: Change, found: string])[] = [
  // Network
  ["DefaultSecurityGroup network-default", inputs("ingress", [{ cidrBlocks: ["0.0.0.0/0"] }]), "lets nothing in"],
  ["DefaultSecurityGroup network-default", inputs("egress", [{ cidrBlocks: ["0.0.0.0/0"] }]), "lets nothing out"],
  ["FlowLog flow-logs", gone, "is watched"],
  ["FlowLog flow-logs", inputs("trafficType", "REJECT"), "is watched"],
  ["Subnet private-eu-central-1a", inputs("mapPublicIpOnLaunch", true), "gives no public addresses"],
  [
    "Route private-eu-central-1a-nat",
    inputs("gatewayId", "internet-id"),
    "leads from nothing but public subnets to the internet",
  ],
  ["Route private-eu-central-1a-nat", inputs("routeTableId", "data-id"), "does not lead out of data subnets"],
  ["VpcEndpoint endpoint-sts", inputs("securityGroupIds", undefined), "is reached from the network alone"],
  ["SecurityGroup database", inputs("ingress", [{ cidrBlocks: ["0.0.0.0/0"] }]), "has its rules beside it"],
  [
    "SecurityGroupIngressRule database-from-nodes",
    inputs("cidrIpv4", "0.0.0.0/0"),
    "opens to everybody nothing but the edge",
  ],
  [
    "SecurityGroupIngressRule nodes-from-edge",
    inputs("cidrIpv4", "0.0.0.0/0"),
    "opens to everybody nothing but the edge",
  ],
  ["SecurityGroupIngressRule edge-https-0.0.0.0-0", inputs("fromPort", 0), "opens to everybody nothing but the edge"],
  ["SecurityGroupIngressRule cache-from-nodes", inputs("toPort", 65_535), "opens one port"],
  ["SecurityGroupIngressRule cache-from-nodes", inputs("ipProtocol", "-1"), "opens one port"],
  ["SecurityGroupEgressRule edge-to-nodes", inputs("cidrIpv4", "0.0.0.0/0"), "leads to the nodes' port alone"],
  // Cluster
  ["Cluster cluster", inputs("encryptionConfig", undefined), "encrypts Kubernetes' secrets with our key"],
  ["Cluster cluster", inputs("vpcConfig.endpointPrivateAccess", false), "answers in the network"],
  [
    "Cluster cluster",
    inputs("vpcConfig.publicAccessCidrs", undefined),
    "answers on the internet to named networks alone",
  ],
  [
    "Cluster cluster",
    inputs("vpcConfig.publicAccessCidrs", ["0.0.0.0/0"]),
    "answers on the internet to named networks alone",
  ],
  ["Cluster cluster", inputs("vpcConfig.subnetIds", ["public-eu-central-1a-id"]), "stands in private subnets"],
  ["Cluster cluster", inputs("enabledClusterLogTypes", ["api"]), "logs who did what"],
  [
    "Cluster cluster",
    inputs("accessConfig.authenticationMode", "API_AND_CONFIG_MAP"),
    "takes nobody but by access entries",
  ],
  [
    "Cluster cluster",
    inputs("accessConfig.bootstrapClusterCreatorAdminPermissions", true),
    "gives whoever makes it no rights",
  ],
  ["Cluster cluster", inputs("deletionProtection", false), "is protected by EKS"],
  ["Cluster cluster", unprotected, "is protected"],
  // Nodes
  [
    "LaunchTemplate nodes-cpu",
    inputs("metadataOptions.httpTokens", "optional"),
    "asks for a token where credentials are",
  ],
  [
    "LaunchTemplate nodes-gpu-l4",
    inputs("metadataOptions.httpPutResponseHopLimit", 2),
    "keeps pods from the node's credentials",
  ],
  ["LaunchTemplate nodes-cpu", inputs("blockDeviceMappings.0.ebs.encrypted", "false"), "encrypts disks"],
  ["LaunchTemplate nodes-cpu", inputs("blockDeviceMappings.0.ebs.kmsKeyId", undefined), "encrypts disks with our key"],
  [
    "LaunchTemplate nodes-cpu",
    inputs("networkInterfaces", [{ associatePublicIpAddress: "true" }]),
    "gives no public address",
  ],
  ["LaunchTemplate nodes-cpu", inputs("keyName", "everybody"), "lets nobody log in"],
  ["NodeGroup nodes-cpu", inputs("remoteAccess", { ec2SshKey: "everybody" }), "lets nobody log in"],
  ["NodeGroup nodes-cpu", inputs("subnetIds", ["public-eu-central-1a-id"]), "stands in private subnets"],
  ["PodIdentityAssociation objects-api", inputs("disableSessionTags", true), "tells who a pod is"],
  // Database
  ["Instance database", inputs("storageEncrypted", false), "is encrypted"],
  ["Instance database", inputs("kmsKeyId", undefined), "is encrypted with our key"],
  ["Instance database", inputs("publiclyAccessible", true), "is not public"],
  ["Instance database", inputs("multiAz", false), "stands in two zones"],
  ["Instance database", inputs("backupRetentionPeriod", 1), "can be restored to each second of a month"],
  ["Instance database", inputs("deleteAutomatedBackups", true), "keeps its backups when it goes"],
  ["Instance database", inputs("skipFinalSnapshot", true), "leaves a last snapshot"],
  ["Instance database", inputs("deletionProtection", false), "is protected by RDS"],
  ["Instance database", unprotected, "is protected"],
  ["Instance database", inputs("password", "of ours"), "has a master password that nobody knows"],
  ["Instance database", inputs("masterUserSecretKmsKeyId", undefined), "has it encrypted with our key"],
  ["Instance database", inputs("enabledCloudwatchLogsExports", []), "logs"],
  ["Instance database", inputs("performanceInsightsKmsKeyId", undefined), "has insights encrypted with our key"],
  ["Instance database", inputs("applyImmediately", true), "changes nothing in the middle of a day"],
  ["ParameterGroup database-17", parameters("rds.force_ssl", "0"), "speaks TLS alone"],
  ["ParameterGroup database-17", parameters("ssl_min_protocol_version", "TLSv1"), "speaks no old TLS"],
  ["ParameterGroup database-17", parameters("password_encryption", "md5"), "keeps passwords by SCRAM"],
  ["ParameterGroup database-17", parameters("log_connections", "0"), "notes who came"],
  ["ParameterGroup database-17", parameters("log_parameter_max_length", "-1"), "notes no values of statements"],
  ["ParameterGroup database-17", parameters("log_statement", "ddl"), "notes no statements"],
  ["SubnetGroup database", inputs("subnetIds", ["public-eu-central-1a-id"]), "is of data subnets"],
  // Cache
  ["SubnetGroup cache", inputs("subnetIds", ["private-eu-central-1a-id"]), "is of data subnets"],
  ["ReplicationGroup cache", inputs("atRestEncryptionEnabled", false), "is encrypted"],
  ["ReplicationGroup cache", inputs("kmsKeyId", undefined), "is encrypted with our key"],
  ["ReplicationGroup cache", inputs("transitEncryptionEnabled", false), "speaks TLS"],
  ["ReplicationGroup cache", inputs("transitEncryptionMode", "preferred"), "speaks TLS alone"],
  ["ReplicationGroup cache", inputs("authToken", undefined), "asks for a password"],
  ["ReplicationGroup cache", inputs("authToken", "in clear"), "asks for a password"],
  ["ReplicationGroup cache", inputs("automaticFailoverEnabled", false), "is taken over by itself"],
  ["ReplicationGroup cache", inputs("snapshotRetentionLimit", 0), "has snapshots"],
  ["ReplicationGroup cache", inputs("finalSnapshotIdentifier", undefined), "leaves a last snapshot"],
  ["ReplicationGroup cache", unprotected, "is protected"],
  ["ParameterGroup cache-valkey8", parameters("maxmemory-policy", "allkeys-lru"), "forgets nothing"],
  // Objects
  ["Bucket objects", inputs("forceDestroy", true), "keeps what is in it"],
  ["Bucket objects", unprotected, "is protected"],
  ["BucketServerSideEncryptionConfiguration objects", gone, "is encrypted with our key"],
  [
    "BucketServerSideEncryptionConfiguration objects-replica",
    inputs("rules.0.applyServerSideEncryptionByDefault.sseAlgorithm", "AES256"),
    "is encrypted with our key",
  ],
  ["BucketVersioning objects", inputs("versioningConfiguration.status", "Suspended"), "keeps versions"],
  ["BucketPublicAccessBlock objects", gone, "is not public"],
  ["BucketPublicAccessBlock objects", inputs("restrictPublicBuckets", false), "is not public"],
  ["BucketPublicAccessBlock objects-replica", inputs("blockPublicPolicy", false), "is not public"],
  ["BucketOwnershipControls objects", inputs("rule.objectOwnership", "ObjectWriter"), "has no lists of access"],
  ["BucketPolicy objects", gone, "has a policy"],
  ["BucketPolicy objects", policy("policy", '"Deny"', '"Allow"'), "allows nobody anything"],
  ["BucketPolicy objects", policy("policy", "aws:SecureTransport", "aws:ViaAWSService"), "denies what is not by TLS"],
  ["BucketPolicy objects", policy("policy", '"1.2"', '"1.0"'), "denies old TLS"],
  ["BucketLifecycleConfiguration objects", gone, "forgets versions in time"],
  [
    "BucketReplicationConfig objects-replica",
    inputs("rules.0.destination.encryptionConfiguration", undefined),
    "encrypts the copy with the key there",
  ],
  ["BucketReplicationConfig objects-replica", inputs("rules.0.status", "Disabled"), "is on"],
  // Images
  ["Repository image-api", inputs("imageTagMutability", "MUTABLE"), "has tags for good"],
  ["Repository image-api", inputs("imageScanningConfiguration.scanOnPush", false), "is looked through"],
  ["Repository image-worker", inputs("encryptionConfigurations", undefined), "is encrypted with our key"],
  ["Repository image-worker", inputs("forceDelete", true), "keeps images when it goes"],
  ["RegistryImage image-api-hash-api", inputs("authConfig.password", "in clear"), "has its login as a secret"],
  // Keys and logs
  ["Key key-secrets", inputs("enableKeyRotation", false), "turns"],
  ["Key key-database", inputs("deletionWindowInDays", 7), "can be brought back for a month"],
  ["Key key-cache", inputs("bypassPolicyLockoutSafetyCheck", true), "does not lock us out"],
  ["Key key-objects", unprotected, "is protected"],
  [
    "Key key-cluster",
    policy("policy", '"kms:CallerAccount":"123456789012",', ""),
    "is opened to nobody without a condition",
  ],
  [
    "Key key-database",
    policy("policy", '"AWS":"arn:aws:iam::123456789012:root"', '"AWS":"*"'),
    "is opened to nobody without a condition",
  ],
  ["LogGroup cluster", inputs("kmsKeyId", undefined), "is encrypted with our key"],
  ["LogGroup cluster", inputs("retentionInDays", 1), "is kept for a month"],
  ["LogGroup cluster", unprotected, "is protected"],
  // Secrets
  ["Secret secret-jwt-keys", inputs("kmsKeyId", undefined), "is encrypted with our key"],
  ["Secret secret-jwt-keys", inputs("recoveryWindowInDays", 0), "can be brought back"],
  ["SecretVersion secret-jwt-keys", inputs("secretString", "in clear"), "is a secret in the state"],
  // Edge
  ["LoadBalancer edge", inputs("dropInvalidHeaderFields", false), "drops headers that are none"],
  ["LoadBalancer edge", inputs("enableWafFailOpen", true), "answers nobody where the firewall does not"],
  [
    "LoadBalancer edge",
    inputs("desyncMitigationMode", "monitor"),
    "is careful with requests that two read differently",
  ],
  ["LoadBalancer edge", inputs("enableDeletionProtection", false), "is protected by AWS"],
  ["LoadBalancer edge", unprotected, "is protected"],
  ["WebAclAssociation edge", gone, "has a firewall"],
  ["Listener edge-https", inputs("sslPolicy", "ELBSecurityPolicy-2016-08"), "speaks no old TLS"],
  ["Listener edge-http", inputs("defaultActions.0.redirect", undefined), "passes on nothing in clear"],
  ["Listener edge-http", inputs("defaultActions.0.redirect.protocol", "HTTP"), "passes on nothing in clear"],
  [
    "Listener edge-https",
    inputs("routingHttpResponseStrictTransportSecurityHeaderValue", undefined),
    "tells browsers to speak TLS alone",
  ],
  ["WebAcl edge", inputs("rules.0.action", { count: {} }), "hides metrics"],
  ["WebAcl edge", inputs("rules.1.action", { count: {} }), "limits the rate"],
  ["WebAcl edge", inputs("rules.3.overrideAction", { count: {} }), "blocks what AWS knows"],
  ["WebAclLoggingConfiguration edge", gone, "notes what it blocks"],
  ["WebAclLoggingConfiguration edge", inputs("redactedFields", []), "notes no credentials"],
  // Who may do what
  ["aws aws", inputs("allowedAccountIds", undefined), "takes credentials of one account"],
  [
    "Role cluster",
    policy("assumeRolePolicy", '"Service":"eks.amazonaws.com"', '"AWS":"*"'),
    "is taken by a service alone",
  ],
  [
    "Role flow-logs",
    policy("assumeRolePolicy", "aws:SourceAccount", "aws:SourceOrgID"),
    "is taken for this account alone",
  ],
  [
    "Role objects-api",
    policy("assumeRolePolicy", "aws:RequestTag/kubernetes-service-account", "aws:RequestTag/other"),
    "is taken for pods of one account of the cluster",
  ],
  ["RolePolicy objects-api", policy("policy", "s3:GetObject", "s3:*"), "allows no action by a wildcard"],
  [
    "RolePolicy prepare",
    policy("policy", "arn:aws:secretsmanager:eu-central-1:123456789012:rds-master", "*"),
    "allows everything to be looked at, and no more",
  ],
  [
    "RolePolicyAttachment nodes-AmazonEKSWorkerNodePolicy",
    inputs("policyArn", "arn:aws:iam::aws:policy/AdministratorAccess"),
    "is no administrator's",
  ],
  // Backups
  ["Vault backup", inputs("kmsKeyArn", undefined), "is encrypted with our key"],
  ["Vault backup-copy", unprotected, "is protected"],
  ["VaultLockConfiguration backup", gone, "is locked"],
  ["VaultPolicy backup", gone, "has a policy"],
  ["VaultPolicy backup-copy", policy("policy", '"Deny"', '"Allow"'), "denies deletions"],
];
