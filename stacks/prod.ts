import { Provider } from "@pulumi/aws/provider.js";
import { ComponentResource, getStack, type Output } from "@pulumi/pulumi";
import type { AwsSettings } from "../configs/aws-settings.ts";
import { wantsGpu } from "../configs/stack-faults.ts";
import type { StackConfig } from "../configs/stack.ts";
import { awsClusterConfig } from "../infra/aws/cluster-config.ts";
import { dataServices, type DataServices } from "../infra/aws/data-services.ts";
import { edgePools } from "../infra/aws/edge-access.ts";
import { edge } from "../infra/aws/edge.ts";
import { foundation, type Foundation } from "../infra/aws/foundation.ts";
import { images } from "../infra/aws/images.ts";
import { keeps } from "../infra/keep.ts";
import { masterRole } from "../infra/aws/master-role.ts";
import { nodeChoice } from "../infra/aws/node-choice.ts";
import { objectRoles } from "../infra/aws/object-roles.ts";
import { instanceOfferings } from "../infra/aws/offerings.ts";
import type { AwsPlace } from "../infra/aws/place.ts";
import { awsDrain, awsNetwork, awsPools, awsSize, typesToAsk } from "../infra/aws/plans.ts";
import { stackTags } from "../infra/aws/tags.ts";
import { KubernetesPlatform, namespaceName } from "../infra/kubernetes/platform.ts";
import type { ClusterConfig } from "../infra/kubernetes/settings.ts";
import type { Surroundings } from "../infra/kubernetes/surroundings.ts";
import { planNodePools, type PoolPlan } from "../infra/plan/node-pools.ts";
import { stackSecrets, type StackSecrets } from "../infra/secrets.ts";
import { describeServices } from "../infra/services.ts";

/** What `pulumi stack output` says of a stack on AWS. */
export interface ProdOutputs {
  /** Where the API answers. */
  readonly url: Output<string>;
  /** Namespace of everything in the cluster. */
  readonly namespace: Output<string>;
  /** The release that serves, by service. */
  readonly serving: Output<Record<string, string>>;
  /** Name of the EKS cluster: `aws eks update-kubeconfig --name ...`. */
  readonly cluster: Output<string>;
  /** What tokens are signed with; secret, `make token` reads it. */
  readonly jwtKeys: Output<string>;
}

/** Port of every node that leads to the API. Nobody but the load balancer reaches it. */
const NODE_PORT = 30_080;

/** Programs whose pods may have roles, by what they do with artifacts. */
const ARTIFACTS = { api: "read", "worker-cpu": "write", "worker-gpu": "write" } as const;

/** Everything on AWS: network, cluster and nodes, data services, the product in the cluster, and the way in. */
export async function prod(file: StackConfig): Promise<ProdOutputs> {
  const stack = getStack();
  const settings = awsOf(file);
  const size = awsSize(stack, settings);
  const networkPlan = awsNetwork(stack, settings, size);
  const config = awsClusterConfig(file, size);
  const place = placeOf(stack, file, settings);
  const wanted = awsPools(settings, size);
  const pools = planNodePools(stack, wanted, await instanceOfferings(typesToAsk(wanted), place));
  const drain = awsDrain(stack, config, pools);
  const secrets = stackSecrets();
  const base = foundation({ settings, networkPlan, pools, place });
  const providerOf = (region: string) => providerFor(`aws-${region}`, region, settings, place.parent);
  const data = dataServices({ settings, size, networkPlan, foundation: base, secrets, providerOf, place });
  const surroundings = surroundingsOf({ config, settings, pools, base, data, place });
  const platform = inCluster(config, secrets, base, surroundings);
  const { url } = edge({
    ...{ settings: publicEdge(settings), vpcId: base.network.vpcId, subnetIds: [...base.network.public.values()] },
    ...{ needs: base.network.ready, nodePort: NODE_PORT, autoscalingGroups: edgePools(base.nodes) },
    ...{ nodesGroupId: base.cluster.nodesGroupId, drain, logsKeyArn: base.keys.logs },
    ...{ alarms: settings.data.alarms, place },
  });
  return { url, ...platform, cluster: base.cluster.name, jwtKeys: secrets.jwtKeys };
}

/** The product's programs in the stack's own cluster. */
function inCluster(config: ClusterConfig, secrets: StackSecrets, base: Foundation, surroundings: Surroundings) {
  const hasGpu = wantsGpu(config);
  const { kubeconfig } = base.cluster;
  const platform = new KubernetesPlatform("cluster", { config, secrets, hasGpu, kubeconfig, surroundings });
  const { database, cache, objects } = platform;
  const keys = { jwt: secrets.jwtKeys, hmac: secrets.hmacKeys };
  const services = describeServices({ config, keys, database, cache, objects, hasGpu });
  const prepared = services.prepare ? [platform.runOnce(services.prepare)] : [];
  const { serving } = platform.release(services.running, [platform.runOnce(services.migrate, prepared)]);
  return { namespace: platform.namespace, serving };
}

interface Parts {
  readonly config: ClusterConfig;
  readonly settings: AwsSettings;
  readonly pools: readonly PoolPlan[];
  readonly base: Foundation;
  readonly data: DataServices;
  readonly place: AwsPlace;
}

function surroundingsOf({ config, settings, pools, base, data, place }: Parts): Surroundings {
  const { cache, objects, registry, s3, rds } = data;
  const inNamespace = { namespace: namespaceName(config), cluster: base.cluster, account: base.account, place };
  const roles = objectRoles({
    programs: Object.entries(ARTIFACTS).map(([name, access]) => ({ name, objects: access })),
    ...{ bucket: s3, ...inNamespace },
  });
  const master = masterRole({ secretArn: rds.masterSecretArn, keyArn: base.keys.secrets, ...inNamespace });
  return {
    database: { ...data.database, is: { ...data.database.is, masterSecret: rds.masterSecretArn } },
    ...{ cache, objects },
    // Secrets Manager and credentials are reached as S3 and those for it are.
    peers: [{ name: "prepare-to-secrets", clients: ["prepare"], peers: objects.peers }],
    images: images({ settings: config.kubernetes, registry, place }),
    // Nodes pass requests on for each other.
    loadBalancer: { nodePort: NODE_PORT, cidrs: [settings.network.cidr] },
    nodes: (spec) => nodeChoice(spec, pools),
    ready: [...base.ready, master.ready, ...roles.map(({ ready }) => ready)],
  };
}

function placeOf(stack: string, config: StackConfig, settings: AwsSettings): AwsPlace {
  const parent = new ComponentResource("slipway:aws:Platform", "aws");
  const tags = stackTags({ stack, environment: config.environment, own: settings.tags });
  const provider = providerFor("aws", settings.region, settings, parent);
  return { parent, provider, stack, tags, keep: keeps(config) };
}

/** Credentials of another account than the stack's own are refused before anything is made. */
function providerFor(name: string, region: string, { account }: AwsSettings, parent: ComponentResource): Provider {
  return new Provider(name, { region, allowedAccountIds: [account] }, { parent });
}

/** @throws where the stack has another platform; its file was refused before */
function awsOf({ platform, aws }: StackConfig): AwsSettings {
  if (aws === undefined)
    throw new Error(`platform is ${platform}, which has no slipway:aws; allowed here is aws alone.`);
  return aws;
}

function publicEdge({ data }: AwsSettings) {
  if (data.edge === undefined) throw new Error("slipway:aws.data.edge is missing: it says host and zoneId of the API.");
  return data.edge;
}
