import type { Resource } from "@pulumi/pulumi";
import { copyAccount } from "../../configs/aws-backup-settings.ts";
import type { AwsSettings } from "../../configs/aws-settings.ts";
import type { NetworkPlan } from "../plan/networks.ts";
import type { PoolPlan } from "../plan/node-pools.ts";
import { networkAddons, serviceAddons } from "./addons.ts";
import { cluster, type Cluster } from "./cluster.ts";
import { endpoints } from "./endpoints.ts";
import { flowLogs } from "./flow-logs.ts";
import { keys, type Keys } from "./keys.ts";
import { network, type Network } from "./network.ts";
import { nodeGroups, type NodeGroupOf } from "./node-groups.ts";
import type { AwsAccount, AwsPlace } from "./place.ts";

export interface FoundationArgs {
  readonly settings: AwsSettings;
  /** Of `awsNetwork`. */
  readonly networkPlan: NetworkPlan;
  /** Of `planNodePools`. */
  readonly pools: readonly PoolPlan[];
  readonly place: AwsPlace;
}

export interface Foundation {
  readonly account: AwsAccount;
  readonly keys: Keys;
  readonly network: Network;
  readonly cluster: Cluster;
  readonly nodes: readonly NodeGroupOf[];
  /** From then on the cluster takes pods, knows names, and has disks and measures. */
  readonly ready: readonly Resource[];
}

/** What everything else of the stack stands on: keys, network, cluster and nodes. */
export function foundation({ settings, networkPlan, pools, place }: FoundationArgs): Foundation {
  const account: AwsAccount = { account: settings.account, region: settings.region };
  const made = keys(account, place, copyAccount(settings.data.backup));
  const net = network({ plan: networkPlan, place });
  const { flowLogDays, endpoints: services } = settings.network;
  flowLogs({ vpcId: net.vpcId, days: flowLogDays, keyArn: made.logs, account, place });
  endpoints({ services, network: net, region: settings.region, place });
  const control = cluster({
    ...{ settings: settings.cluster, subnetIds: [...net.private.values()] },
    ...{ keys: made, account, place },
  });
  const common = { settings: settings.cluster, cluster: control, account, place };
  const needs = [...networkAddons(common), ...net.ready];
  const nodes = nodeGroups({ pools, cluster: control, network: net, diskKeyArn: made.cluster, needs, place });
  const groups = nodes.map(({ is }) => is);
  const addons = serviceAddons({ ...common, diskKeyArn: made.cluster, nodes: groups });
  return { account, keys: made, network: net, cluster: control, nodes, ready: [...groups, ...addons] };
}
