import type { Output } from "@pulumi/pulumi";
import type { AwsSettings } from "../../configs/aws-settings.ts";
import { edgePools } from "./edge-access.ts";
import type { EdgeArgs } from "./edge-args.ts";
import { edge } from "./edge.ts";
import type { Foundation } from "./foundation.ts";
import type { AwsPlace } from "./place.ts";

/** Port of every node that leads to the API. Nobody but the load balancer reaches it. */
export const NODE_PORT = 30_080;

export interface PublicEdgeArgs {
  readonly settings: Pick<AwsSettings, "data">;
  readonly base: Pick<Foundation, "network" | "nodes" | "cluster" | "keys">;
  /** Of `awsDrain`. */
  readonly drain: EdgeArgs["drain"];
  readonly place: AwsPlace;
}

/**
 * The way in to the API of a stack.
 *
 * @returns where it answers
 * @throws Error where the stack's file has no edge; it was refused before
 */
export function publicEdge({ settings: { data }, base, drain, place }: PublicEdgeArgs): Output<string> {
  if (data.edge === undefined) throw new Error("slipway:aws.data.edge is missing: it says host and zoneId of the API.");
  const { network, nodes, cluster, keys } = base;
  return edge({
    ...{ settings: data.edge, vpcId: network.vpcId, subnetIds: [...network.public.values()], needs: network.ready },
    ...{ nodePort: NODE_PORT, autoscalingGroups: edgePools(nodes), nodesGroupId: cluster.nodesGroupId },
    ...{ drain, logsKeyArn: keys.logs, alarms: data.alarms, place },
  }).url;
}
