import { LaunchTemplate } from "@pulumi/aws/ec2/launchTemplate.js";
import { NodeGroup } from "@pulumi/aws/eks/nodeGroup.js";
import type { Input, Output, Resource } from "@pulumi/pulumi";
import type { PoolPlan, Taint } from "../plan/node-pools.ts";
import type { Cluster } from "./cluster.ts";
import { inZone, type Network } from "./network.ts";
import { options, tagged, type AwsPlace } from "./place.ts";
import { role, type MadeRole } from "./role.ts";

export interface NodeGroupsArgs {
  readonly pools: readonly PoolPlan[];
  readonly cluster: Pick<Cluster, "name" | "version">;
  readonly network: Pick<Network, "private">;
  /** ARN of the KMS key of their disks. */
  readonly diskKeyArn: Input<string>;
  /** What a node needs to become one: its network's plugin and its way out. */
  readonly needs: readonly Resource[];
  readonly place: AwsPlace;
}

export interface NodeGroupOf {
  readonly pool: PoolPlan;
  /** Name of its Auto Scaling group. */
  readonly autoscalingGroup: Output<string>;
  readonly is: Resource;
}

/** What an image of Amazon Linux starts from. */
const ROOT_DEVICE = "/dev/xvda";

/** EKS gives pods of a node 15 minutes, and takes one node at a time. */
const TIMEOUTS = { create: "30m", update: "180m", delete: "60m" } as const;

const CAPACITY = { "on-demand": "ON_DEMAND", spot: "SPOT" } as const satisfies Record<PoolPlan["capacity"], string>;
const EFFECT = { NoSchedule: "NO_SCHEDULE" } as const satisfies Record<Taint["effect"], string>;

/** One managed node group for each pool; docs/adr/0006 says why. */
export function nodeGroups(args: NodeGroupsArgs): readonly NodeGroupOf[] {
  const taken = nodeRole(args.place);
  return args.pools.map((pool) => {
    const group = nodeGroup(pool, taken, args);
    return { pool, autoscalingGroup: group.resources.apply((made) => autoscalingGroup(pool.name, made)), is: group };
  });
}

/** What a node itself may do: join the cluster and pull images. What pods need has roles of its own. */
function nodeRole(place: AwsPlace): MadeRole {
  return role({
    ...{ name: "nodes", description: "Nodes of the stack's cluster", service: "ec2.amazonaws.com" },
    managed: ["AmazonEKSWorkerNodePolicy", "AmazonEC2ContainerRegistryPullOnly"],
    place,
  });
}

function nodeGroup(pool: PoolPlan, taken: MadeRole, args: NodeGroupsArgs): NodeGroup {
  const { cluster, network, needs, place } = args;
  const name = `nodes-${pool.name}`;
  const template = launchTemplate(name, pool, args);
  return new NodeGroup(
    name,
    {
      clusterName: cluster.name,
      // Its own words, and not the provider's: who looks into EKS sees which pool it is.
      nodeGroupNamePrefix: `${name}-`,
      nodeRoleArn: taken.arn,
      // Nodes go to a version after the control plane, one by one.
      version: cluster.version,
      ...{ amiType: pool.ami, capacityType: CAPACITY[pool.capacity], instanceTypes: [...pool.instanceTypes] },
      subnetIds: pool.zones.map((zone) => inZone(network.private, zone)),
      launchTemplate: { id: template.id, version: template.latestVersion.apply(String) },
      labels: { ...pool.labels },
      taints: pool.taints.map(({ key, value, effect }) => ({ key, value, effect: EFFECT[effect] })),
      scalingConfig: { minSize: pool.min, maxSize: pool.max, desiredSize: pool.min },
      updateConfig: { maxUnavailable: 1 },
      nodeRepairConfig: { enabled: true },
      tags: { ...tagged(place, name), ...pool.tags },
    },
    options(place, {
      // The autoscaler's from the start.
      ignoreChanges: ["scalingConfig.desiredSize"],
      customTimeouts: TIMEOUTS,
      dependsOn: [...taken.rights, ...needs],
    }),
  );
}

function launchTemplate(name: string, { diskGiB }: PoolPlan, { diskKeyArn, place }: NodeGroupsArgs): LaunchTemplate {
  const tags = tagged(place, name);
  return new LaunchTemplate(
    name,
    {
      updateDefaultVersion: true,
      metadataOptions: {
        httpEndpoint: "enabled",
        httpTokens: "required",
        // One hop: a pod with a network of its own is one too far to take the node's role.
        httpPutResponseHopLimit: 1,
        instanceMetadataTags: "disabled",
      },
      blockDeviceMappings: [
        {
          deviceName: ROOT_DEVICE,
          ebs: {
            ...{ volumeType: "gp3", volumeSize: diskGiB, encrypted: "true", kmsKeyId: diskKeyArn },
            deleteOnTermination: "true",
          },
        },
      ],
      monitoring: { enabled: true },
      // Tags of a node group do not reach what it starts.
      tagSpecifications: ["instance", "volume", "network-interface"].map((resourceType) => ({ resourceType, tags })),
      tags,
    },
    options(place),
  );
}

type Resources = readonly { readonly autoscalingGroups?: readonly { readonly name?: string }[] }[];

function autoscalingGroup(pool: string, resources: Resources): string {
  const [name] = resources.flatMap(({ autoscalingGroups = [] }) => autoscalingGroups.map((group) => group.name));
  if (name === undefined)
    throw new Error(`EKS made no Auto Scaling group for the pool ${pool}. Refresh the stack, then try again.`);
  return name;
}
