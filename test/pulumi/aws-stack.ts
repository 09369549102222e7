import { Provider } from "@pulumi/aws/provider.js";
import type { AwsSettings } from "../../configs/aws-settings.ts";
import { dataServices, type DataServices } from "../../infra/aws/data-services.ts";
import { edge, type Edge } from "../../infra/aws/edge.ts";
import { edgePools } from "../../infra/aws/edge-access.ts";
import { foundation, type Foundation } from "../../infra/aws/foundation.ts";
import { objectRoles } from "../../infra/aws/object-roles.ts";
import type { AwsPlace } from "../../infra/aws/place.ts";
import { awsNetwork, awsPools, awsSize, typesToAsk } from "../../infra/aws/plans.ts";
import { planDrain } from "../../infra/plan/drain.ts";
import { planNodePools } from "../../infra/plan/node-pools.ts";
import { stackSecrets } from "../../infra/secrets.ts";
import { NODE_PORT } from "../../infra/aws/public-edge.ts";
import { recordPart, type RecordedPart } from "./aws.ts";
import { ANSWERS } from "./aws-data.ts";
import { STACK } from "./recorder.ts";

/** What a stack on AWS is made of, but for what stands in the cluster. */
export interface AwsParts {
  readonly base: Foundation;
  readonly data: DataServices;
  readonly edge: Edge;
}

/** Runs all of it as a stack's program does: each part gets what the one before made. */
export async function recordAwsStack(settings: AwsSettings, keep = true): Promise<RecordedPart<AwsParts>> {
  return recordPart((place) => parts(settings, place), keep, ANSWERS);
}

function parts(settings: AwsSettings, place: AwsPlace): AwsParts {
  const size = awsSize(STACK, settings);
  const networkPlan = awsNetwork(STACK, settings, size);
  const config = awsPools(settings, size);
  const offerings = new Map(typesToAsk(config).map((type) => [type, settings.network.zones]));
  const pools = planNodePools(STACK, config, offerings);
  const base = foundation({ settings, networkPlan, pools, place });
  const providerOf = (region: string) => new Provider("elsewhere", { region }, { parent: place.parent });
  const secrets = stackSecrets();
  const data = dataServices({ settings, size, networkPlan, foundation: base, secrets, providerOf, place });
  const programs = [
    { name: "api", objects: "read" },
    { name: "worker-cpu", objects: "write" },
    { name: "migrate", objects: "none" },
  ] as const;
  objectRoles({
    ...{ programs, namespace: "slipway-unit", bucket: data.s3 },
    ...{ cluster: base.cluster, account: base.account, place },
  });
  return { base, data, edge: publicEdge(settings, base, place) };
}

function publicEdge(settings: AwsSettings, { keys, network, cluster, nodes }: Foundation, place: AwsPlace): Edge {
  const { loadBalancer: drain } = planDrain({
    ...{ name: "api", time: { drainSeconds: 25 }, traffic: "load-balancer", capacity: "on-demand" },
  });
  const own = settings.data.edge;
  if (own === undefined || drain === undefined) throw new Error("the settings have no edge");
  return edge({
    ...{ settings: own, vpcId: network.vpcId, subnetIds: [...network.public.values()], needs: network.ready },
    ...{ autoscalingGroups: edgePools(nodes), nodesGroupId: cluster.nodesGroupId, nodePort: NODE_PORT },
    ...{ alarms: settings.data.alarms, drain, logsKeyArn: keys.logs, place },
  });
}
