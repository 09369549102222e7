import { Deployment } from "@pulumi/kubernetes/apps/v1/deployment.js";
import { ConfigMap } from "@pulumi/kubernetes/core/v1/configMap.js";
import type { input as k8s } from "@pulumi/kubernetes/types/index.js";
import { all, interpolate, type Input, type Output } from "@pulumi/pulumi";
import type { Done } from "../contract.ts";
import { clusterAccess } from "../kubernetes/marker.ts";
import { namespace, serviceAccount } from "../kubernetes/namespace.ts";
import { exporterPolicy, nothingButNames, podsOf, policy, tcp, type Peer } from "../kubernetes/network-policy.ts";
import { labels, options, selector, type Place } from "../kubernetes/place.ts";
import { namespaceName } from "../kubernetes/platform.ts";
import { nodesOf, podTemplate } from "../kubernetes/pod.ts";
import type { ClusterConfig } from "../kubernetes/settings.ts";
import { EKS_NODE_DRAIN_SECONDS } from "../plan/drain.ts";
import type { AutoscalerPlan } from "./autoscaler-plan.ts";
import { autoscalerRights, CONFIG_MAPS } from "./autoscaler-rights.ts";
import { autoscalerRole } from "./autoscaler-role.ts";
import type { Cluster } from "./cluster.ts";
import type { Foundation } from "./foundation.ts";
import { NODE_START_SECONDS } from "./gpu-settings.ts";
import { ON_SYSTEM_NODES } from "./node-choice.ts";
import type { NodeGroupOf } from "./node-groups.ts";
import type { AwsPlace } from "./place.ts";

export interface AutoscalerArgs {
  readonly plan: AutoscalerPlan;
  /** Of `awsClusterConfig`. */
  readonly config: ClusterConfig;
  readonly base: Pick<Foundation, "account" | "nodes" | "ready"> & { readonly cluster: Pick<Cluster, "name" | "arn"> };
  /** AWS' own APIs, the cluster's among them, and who gives pods their role. */
  readonly peers: readonly Peer[];
  readonly place: AwsPlace;
  /** Where objects of the cluster stand. */
  readonly beside: Omit<Place, "namespace">;
}

/** Name of its service account, and of its pods' service. */
const NAME = "cluster-autoscaler";

/** Where client-go looks for its token. */
const TOKEN_FOLDER = "/var/run/secrets/kubernetes.io/serviceaccount";

/** User of upstream's image, which has no shell and no other. */
const UID = 65_532;

/** Metrics, and whether its last looks went well. */
const PORT = 8085;

/** As upstream's own manifest has it. */
const LIMITS = { memoryMiB: 600, cpus: 0.5 };
const CPU_REQUEST_PERCENT = 20;

const GRACE_SECONDS = 10;

/** Tags that EKS puts on the Auto Scaling group of every managed node group; `autoscaler-role.ts` lets it change those groups alone. */
const GROUP_TAG = "k8s.io/cluster-autoscaler";

/**
 * The cluster autoscaler: it makes a node where a pod finds no place, from none too, and takes one away that is not needed. It stands in a namespace
 * of its own, beside the stack's, under the same rules; docs/adr/0006 says why it and no other.
 *
 * @returns what has to be there before pods may ask for nodes that are not
 */
export function autoscaler({ base, beside, ...args }: AutoscalerArgs): readonly Done[] {
  const own = `${namespaceName(args.config)}-autoscaler`;
  const identity = autoscalerRole({ ...base, namespace: own, serviceAccount: NAME, place: args.place });
  // Nothing in it that could not be made again.
  const home = { ...beside, namespace: namespace("autoscaler", own, "restricted", { ...beside, keep: false }) };
  const account = serviceAccount(NAME, home);
  const rights = autoscalerRights({ account, name: own, home });
  const priorities = spotFirst(base.nodes, home);
  policies(args, home);
  const template = podOf({ ...args, base, account, hasPriorities: priorities.length > 0 });
  return [
    new Deployment(
      "autoscaler",
      {
        metadata: { name: NAME, namespace: home.namespace, labels: labels(NAME) },
        spec: { replicas: 1, selector: selector(NAME), template },
      },
      // Nodes of the system pool are there without it.
      options(home, { dependsOn: [...base.ready, identity.ready, ...rights, ...priorities] }),
    ),
  ];
}

interface PodArgs extends Pick<AutoscalerArgs, "plan" | "config" | "base"> {
  readonly account: Input<string>;
  readonly hasPriorities: boolean;
}

function podOf({ plan, config, base, account, ...args }: PodArgs): k8s.core.v1.PodTemplateSpec {
  const asked = { httpGet: { path: "/health-check", port: PORT }, periodSeconds: 10, timeoutSeconds: 5 };
  return podTemplate({
    ...{ service: NAME, image: plan.image, uid: UID, limits: LIMITS, cpuRequestPercent: CPU_REQUEST_PERCENT },
    // It would take its own node away, and begin to count anew elsewhere.
    annotations: { "cluster-autoscaler.kubernetes.io/safe-to-evict": "false" },
    pullPolicy: config.kubernetes.importedImages ? "Never" : "IfNotPresent",
    command: ["/cluster-autoscaler"],
    mounts: [clusterAccess(TOKEN_FOLDER)],
    account,
    // Without it no node comes, not even for what is critical itself.
    priorityClass: "system-cluster-critical",
    graceSeconds: GRACE_SECONDS,
    container: {
      args: flags(config, base.cluster.name, args.hasPriorities),
      // The node would tell, but it is a hop too far.
      env: [{ name: "AWS_REGION", value: base.account.region }],
      ports: [{ name: "metrics", containerPort: PORT, protocol: "TCP" }],
      readinessProbe: asked,
      livenessProbe: { ...asked, failureThreshold: 6 },
    },
    pod: nodesOf(ON_SYSTEM_NODES),
  });
}

function flags({ kubernetes }: ClusterConfig, cluster: Output<string>, hasPriorities: boolean): Input<string>[] {
  return [
    "--cloud-provider=aws",
    interpolate`--node-group-auto-discovery=asg:tag=${GROUP_TAG}/enabled,${GROUP_TAG}/${cluster}`,
    // Its lease, its status and its priorities.
    interpolate`--namespace=${namespaceName({ kubernetes })}-autoscaler`,
    // Where several pools would do, the one that leaves the least idle; before that spot, which pods that take it wish for.
    `--expander=${hasPriorities ? "priority," : ""}least-waste`,
    // Names and measures stand on the system pool in kube-system; they have budgets, and would keep its nodes for good.
    "--skip-nodes-with-system-pods=false",
    // No pod of the product has a folder of its node's disk; those of add-ons hold sockets and nothing to keep.
    "--skip-nodes-with-local-storage=false",
    // As long as EKS waits for a node's pods: what the stack's file may say of draining is checked against the same.
    `--max-graceful-termination-sec=${EKS_NODE_DRAIN_SECONDS}`,
    // A rollout of GPU workers waits as long: configs/kubernetes-settings.ts.
    `--max-node-provision-time=${kubernetes.gpu.nodeStartSeconds ?? NODE_START_SECONDS}s`,
    // What it decided, and why not: one line a decision.
    ...["--v=1", "--logging-format=json"],
  ];
}

/** Spot pools before others. The groups' names are EKS' own, so that they are told and not guessed. */
function spotFirst(nodes: readonly NodeGroupOf[], home: Place): readonly ConfigMap[] {
  const spot = nodes.filter(({ pool }) => pool.capacity === "spot");
  if (spot.length === 0) return [];
  const names = all(spot.map(({ autoscalingGroup }) => autoscalingGroup));
  // Every group has to be named: one that is not is never taken.
  const priorities = names.apply((groups) => ["20:", ...groups.map((name) => `  - ^${name}$`), "10:", "  - .*", ""]);
  const metadata = { name: CONFIG_MAPS.priorities, namespace: home.namespace, labels: labels(NAME) };
  const data = { priorities: priorities.apply((lines) => lines.join("\n")) };
  return [new ConfigMap("autoscaler-priorities", { metadata, data }, options(home))];
}

/** It speaks to AWS and the cluster's API, and nobody to it but those who read its metrics. */
function policies({ config, peers }: Pick<AutoscalerArgs, "config" | "peers">, home: Place): void {
  nothingButNames("autoscaler-", home);
  const egress = peers.map(({ cidr, port }) => ({ to: [{ ipBlock: { cidr } }], ports: tcp(port) }));
  policy("autoscaler-to-aws", podsOf([NAME]), { egress }, home);
  exporterPolicy(NAME, PORT, config.kubernetes.metrics?.namespace, home);
}
