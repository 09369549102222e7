import { SecurityGroup } from "@pulumi/aws/ec2/securityGroup.js";
import { SecurityGroupEgressRule } from "@pulumi/aws/vpc/securityGroupEgressRule.js";
import { SecurityGroupIngressRule } from "@pulumi/aws/vpc/securityGroupIngressRule.js";
import type { Input, Output } from "@pulumi/pulumi";
import type { EdgeArgs } from "./edge-args.ts";
import type { NodeGroupOf } from "./node-groups.ts";
import { options, tagged, type AwsPlace } from "./place.ts";

/** Ports of the load balancer, by what is spoken there. */
const PORTS = { http: 80, https: 443 } as const;

/** The load balancer's security group: in from the networks of the stack's file, out to the nodes' port alone. */
export function edgeGroup(args: Pick<EdgeArgs, "settings" | "vpcId" | "nodePort" | "nodesGroupId" | "place">) {
  const { settings, vpcId, nodePort, nodesGroupId, place } = args;
  const group = new SecurityGroup(
    "edge",
    { description: "Load balancer of the stack", vpcId, tags: tagged(place, "edge") },
    options(place),
  );
  for (const [scheme, port] of Object.entries(PORTS))
    for (const cidrIpv4 of settings.cidrs) {
      const name = `edge-${scheme}-${cidrIpv4.replace("/", "-")}`;
      new SecurityGroupIngressRule(
        name,
        {
          ...{ securityGroupId: group.id, cidrIpv4, ipProtocol: "tcp", fromPort: port, toPort: port },
          description: `${scheme} from ${cidrIpv4}`,
          tags: tagged(place, name),
        },
        options(place),
      );
    }
  new SecurityGroupEgressRule(
    "edge-to-nodes",
    {
      ...{ securityGroupId: group.id, referencedSecurityGroupId: nodesGroupId },
      ...{ ipProtocol: "tcp", fromPort: nodePort, toPort: nodePort, description: "edge to the API at the nodes" },
      tags: tagged(place, "edge-to-nodes"),
    },
    options(place),
  );
  allow({ edgeGroupId: group.id, nodesGroupId, nodePort, place });
  return group.id;
}

export interface AllowArgs {
  readonly edgeGroupId: Output<string>;
  readonly nodesGroupId: Input<string>;
  readonly nodePort: number;
  readonly place: AwsPlace;
}

/** Lets the load balancer, and nobody else, reach the nodes' port. */
export function allow({ edgeGroupId, nodesGroupId, nodePort, place }: AllowArgs): SecurityGroupIngressRule {
  return new SecurityGroupIngressRule(
    "nodes-from-edge",
    {
      ...{ securityGroupId: nodesGroupId, referencedSecurityGroupId: edgeGroupId },
      ...{ ipProtocol: "tcp", fromPort: nodePort, toPort: nodePort, description: "edge to the API at the nodes" },
      tags: tagged(place, "nodes-from-edge"),
    },
    options(place),
  );
}

/**
 * Auto Scaling groups that pass the public's requests on, by the pool's name. On demand alone: a spot node takes what passes through it along when
 * it goes. Nodes with GPUs come and go with their jobs, so they are none of them either.
 */
export function edgePools(
  nodes: readonly Pick<NodeGroupOf, "pool" | "autoscalingGroup">[],
): EdgeArgs["autoscalingGroups"] {
  const lasting = nodes.filter(({ pool }) => pool.capacity === "on-demand" && pool.gpu === undefined);
  return Object.fromEntries(lasting.map(({ pool, autoscalingGroup }) => [pool.name, autoscalingGroup]));
}
