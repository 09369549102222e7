import { shapeDifferences, type AwsSchema } from "./sdk-shape.ts";

/**
 * What @pulumi/aws has and the plugin lacks: the SDK goes with a provider that is some months younger than the revision
 * of upstream that can be had. No program here may use it; a test looks for the names.
 */
export const NEWER_IN_SDK: Readonly<Record<string, readonly string[]>> = {
  provider: [
    ...["accountaccess", "agentregistry", "bedrockruntime", "directoryservicedata", "interconnect", "lambdacore"].map(
      endpoint,
    ),
    ...["lambdamicrovms", "mailmanager", "resiliencehubv2"].map(endpoint),
  ],
  "aws:cloudwatch/metricAlarm:MetricAlarm": ["warmUpConfiguration"],
  "aws:ec2/flowLog:FlowLog": ["tagFieldSpecifications"],
  "aws:ec2/launchTemplate:LaunchTemplate": ["networkInterfaces[].enaQueueCount"],
  "aws:eks/cluster:Cluster": [
    ...["defaultAddonsToRemoves", "kubeApiServerConfig", "kubeControllerManagerConfig", "kubeSchedulerConfig"],
    ...["controlPlanePlacement.spreadLevel", "etcdInstanceType", "etcdPlacement"].map(
      (name) => `outpostConfig.${name}`,
    ),
    "vpcConfig.controlPlaneEgressMode",
  ],
  "aws:eks/nodeGroup:NodeGroup": ["warmPoolConfig"],
  "aws:eks/podIdentityAssociation:PodIdentityAssociation": ["policy"],
  "aws:elasticache/replicationGroup:ReplicationGroup": ["authTokenWo", "authTokenWoVersion", "durability"],
  "aws:rds/instance:Instance": ["warningEventCategories"],
  "aws:secretsmanager/secret:Secret": ["type"],
  "aws:secretsmanager/secretRotation:SecretRotation": [
    ...["externalSecretRotationMetadatas", "externalSecretRotationRoleArn", "rotationEnabled", "rotationRules"],
  ],
};

function endpoint(service: string): string {
  return `endpoints[].${service}`;
}

/** The SDK joins the statements of a web ACL to one type, whose depth upstream limits. */
const DEEP_STATEMENT = /^aws:wafv2\/webAcl:WebAcl\.rules\[\]\.statement\./;

/**
 * What the plugin lacks of the SDK without our knowing: a build with such a difference is refused.
 *
 * @param sdk folder of @pulumi/aws
 */
export function unknownDifferences(schema: AwsSchema, sdk: string): string[] {
  const known = new Set(Object.entries(NEWER_IN_SDK).flatMap(([of, names]) => names.map((name) => `${of}.${name}`)));
  return shapeDifferences(schema, sdk).filter((difference) => {
    const property = difference.replace(" (output)", "").replace(/: [^:]*$/, "");
    return !known.has(property) && !DEEP_STATEMENT.test(property);
  });
}
