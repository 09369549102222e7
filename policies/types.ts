/** Types of resources that several rules name. */
const s3 = (name: string) => `aws:s3/${name.charAt(0).toLowerCase()}${name.slice(1)}:${name}`;

export const BUCKET = {
  itself: s3("Bucket"),
  encryption: s3("BucketServerSideEncryptionConfiguration"),
  versions: s3("BucketVersioning"),
  access: s3("BucketPublicAccessBlock"),
  ownership: s3("BucketOwnershipControls"),
  policy: s3("BucketPolicy"),
  lifecycle: s3("BucketLifecycleConfiguration"),
  replication: s3("BucketReplicationConfig"),
} as const;

export const AWS = {
  database: "aws:rds/instance:Instance",
  databaseParameters: "aws:rds/parameterGroup:ParameterGroup",
  cache: "aws:elasticache/replicationGroup:ReplicationGroup",
  cluster: "aws:eks/cluster:Cluster",
  launchTemplate: "aws:ec2/launchTemplate:LaunchTemplate",
  key: "aws:kms/key:Key",
  logGroup: "aws:cloudwatch/logGroup:LogGroup",
  secret: "aws:secretsmanager/secret:Secret",
  loadBalancer: "aws:lb/loadBalancer:LoadBalancer",
  listener: "aws:lb/listener:Listener",
  repository: "aws:ecr/repository:Repository",
  vault: "aws:backup/vault:Vault",
  budget: "aws:budgets/budget:Budget",
} as const;

export const DOCKER = {
  container: "docker:index/container:Container",
  volume: "docker:index/volume:Volume",
  network: "docker:index/network:Network",
  image: "docker:index/remoteImage:RemoteImage",
} as const;

/** Kinds that run until they are ended, and those that come to an end. */
export const DEPLOYMENT = "kubernetes:apps/v1:Deployment";
export const SERVERS = [DEPLOYMENT, "kubernetes:apps/v1:StatefulSet"] as const;
export const WORKLOADS = [
  ...SERVERS,
  "kubernetes:apps/v1:DaemonSet",
  "kubernetes:batch/v1:Job",
  "kubernetes:batch/v1:CronJob",
  "kubernetes:core/v1:Pod",
] as const;
