import { gone, inputs, parameters, type Mutant } from "./mutants.ts";

/** Changes of a prod stack's resources that must not go unnoticed: for each rule of `secure-rules.ts` one at least. */
export const MUTANTS: readonly Mutant[] = [
  ["FlowLog flow-logs", gone, "is watched"],
  ["FlowLog flow-logs", inputs("trafficType", "REJECT"), "is watched"],
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
  ["SecurityGroupIngressRule cache-from-nodes", inputs("toPort", 65_535), "opens one port"],
  ["SecurityGroupIngressRule cache-from-nodes", inputs("ipProtocol", "-1"), "opens one port"],
  ["SecurityGroupEgressRule edge-to-nodes", inputs("cidrIpv4", "0.0.0.0/0"), "leads to the nodes' port alone"],
  // Cluster
  ["Cluster cluster", inputs("encryptionConfig", undefined), "encrypts Kubernetes' secrets with our key"],
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
  ["LaunchTemplate nodes-cpu", inputs("blockDeviceMappings.0.ebs.kmsKeyId", undefined), "encrypts disks with our key"],
  ["NodeGroup nodes-cpu", inputs("subnetIds", ["public-eu-central-1a-id"]), "stands in private subnets"],
  ["PodIdentityAssociation objects-api", inputs("disableSessionTags", true), "tells who a pod is"],
  ["Instance database", inputs("kmsKeyId", undefined), "is encrypted with our key"],
  ["Instance database", inputs("multiAz", false), "stands in two zones"],
  ["Instance database", inputs("password", "of ours"), "has a master password that nobody knows"],
  ["Instance database", inputs("masterUserSecretKmsKeyId", undefined), "has it encrypted with our key"],
  ["Instance database", inputs("enabledCloudwatchLogsExports", []), "logs"],
  ["Instance database", inputs("performanceInsightsKmsKeyId", undefined), "has insights encrypted with our key"],
  ["Instance database", inputs("applyImmediately", true), "changes nothing in the middle of a day"],
  ["ParameterGroup database-17", parameters("log_connections", "0"), "notes who came"],
  ["ParameterGroup database-17", parameters("log_parameter_max_length", "-1"), "notes no values of statements"],
  ["ParameterGroup database-17", parameters("log_statement", "ddl"), "notes no statements"],
  ["SubnetGroup database", inputs("subnetIds", ["public-eu-central-1a-id"]), "is of data subnets"],
  // Cache
  ["SubnetGroup cache", inputs("subnetIds", ["private-eu-central-1a-id"]), "is of data subnets"],
  ["ReplicationGroup cache", inputs("kmsKeyId", undefined), "is encrypted with our key"],
  ["ReplicationGroup cache", inputs("automaticFailoverEnabled", false), "is taken over by itself"],
  ["ParameterGroup cache-valkey8", parameters("maxmemory-policy", "allkeys-lru"), "forgets nothing"],
  [
    "BucketReplicationConfig objects-replica",
    inputs("rules.0.destination.encryptionConfiguration", undefined),
    "encrypts the copy with the key there",
  ],
  ["Repository image-worker", inputs("encryptionConfigurations", undefined), "is encrypted with our key"],
  ["RegistryImage image-api-hash-api", inputs("authConfig.password", "in clear"), "has its login as a secret"],
  ["LogGroup cluster", inputs("kmsKeyId", undefined), "is encrypted with our key"],
  // Secrets
  ["Secret secret-jwt-keys", inputs("kmsKeyId", undefined), "is encrypted with our key"],
  ["SecretVersion secret-jwt-keys", inputs("secretString", "in clear"), "is a secret in the state"],
  // Edge
  ["LoadBalancer edge", inputs("dropInvalidHeaderFields", false), "drops headers that are none"],
  ["LoadBalancer edge", inputs("enableWafFailOpen", true), "answers nobody where the firewall does not"],
  [
    "LoadBalancer edge",
    inputs("desyncMitigationMode", "monitor"),
    "is careful with requests that two read differently",
  ],
  ["WebAclAssociation edge", gone, "has a firewall"],
  ["WebAcl edge", inputs("rules.0.action", { count: {} }), "hides metrics"],
  ["WebAcl edge", inputs("rules.1.action", { count: {} }), "limits the rate"],
  ["WebAcl edge", inputs("rules.3.overrideAction", { count: {} }), "blocks what AWS knows"],
  ["WebAclLoggingConfiguration edge", gone, "notes what it blocks"],
  ["WebAclLoggingConfiguration edge", inputs("redactedFields", []), "notes no credentials"],
  // Backups
  ["Vault backup", inputs("kmsKeyArn", undefined), "is encrypted with our key"],
  ["ReplicationGroup cache", inputs("authToken", "in clear"), "has its password as a secret"],
  ["aws aws", inputs("allowedAccountIds", undefined), "takes credentials of our account"],
  [
    "BucketServerSideEncryptionConfiguration objects",
    inputs(
      "rules.0.applyServerSideEncryptionByDefault.kmsMasterKeyId",
      "arn:aws:kms:eu-central-1:123456789012:another",
    ),
    "is with our key",
  ],
];
