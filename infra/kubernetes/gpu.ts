import { DaemonSet } from "@pulumi/kubernetes/apps/v1/daemonSet.js";
import type { input as k8s } from "@pulumi/kubernetes/types/index.js";
import type { Input, Output } from "@pulumi/pulumi";
import type { GpuSharing, KubernetesSettings } from "../../configs/kubernetes-settings.ts";
import type { Limits } from "../contract.ts";
import { GPU_RESOURCE } from "../plan/node-pools.ts";
import { configMap } from "./config-map.ts";
import { namespace } from "./namespace.ts";
import { exporterPolicy } from "./network-policy.ts";
import { labels, options, selector, type Place } from "./place.ts";
import { nodesOf, resources, type PullPolicy } from "./pod.ts";
import type { GpuDivision, NodeChoice } from "./surroundings.ts";

/** Nodes with GPUs repel every pod that does not say this. */
export const GPU_TOLERATIONS: readonly k8s.core.v1.Toleration[] = [
  { key: GPU_RESOURCE, operator: "Exists", effect: "NoSchedule" },
];

/** Where GPUs are, and how a container gets at them. */
export type GpuNodes = Pick<KubernetesSettings["gpu"], "nodeSelector" | "runtimeClass">;

/** What NVIDIA's discovery, or whoever runs the cluster, calls a node with GPUs. */
const GPU_PRESENT = { "nvidia.com/gpu.present": "true" };

/**
 * What a GPU worker's pod has beyond others.
 *
 * @param nodes where it runs, where the stack makes the nodes itself @default where `nodeSelector` says
 */
export function gpuPod(
  { nodeSelector = GPU_PRESENT, runtimeClass }: GpuNodes,
  nodes: NodeChoice = { nodeSelector },
): Partial<k8s.core.v1.PodSpec> {
  return {
    ...nodesOf(nodes),
    tolerations: [...GPU_TOLERATIONS, ...(nodes.tolerations ?? [])],
    ...(runtimeClass === undefined ? {} : { runtimeClassName: runtimeClass }),
  };
}

/** What a GPU worker's container has beyond others: one GPU, one turn or one slice of it. */
export function gpuContainer(cpuRequestPercent: number, limits: Limits): Pick<k8s.core.v1.Container, "resources"> {
  const { requests, limits: most } = resources({ limits, cpuRequestPercent });
  return {
    resources: {
      requests: { ...requests, [GPU_RESOURCE]: "1" },
      limits: { ...most, [GPU_RESOURCE]: "1" },
    },
  };
}

export interface GpuDaemonsArgs {
  readonly settings: KubernetesSettings["gpu"];
  readonly images: { readonly devicePlugin: string; readonly dcgmExporter: string };
  readonly pullPolicy: PullPolicy;
  /** Name of the stack's own namespace. */
  readonly namespace: string;
  /** Which nodes have GPUs, where the stack makes them itself. @default those that the settings say */
  readonly nodes?: NodeChoice | undefined;
  /** How GPUs are shared, by nodes. @default as the settings say, on all of them */
  readonly divisions?: readonly GpuDivision[] | undefined;
  /** Namespace of those who read the exporter's metrics. @default nobody does */
  readonly scrapers?: string | undefined;
  readonly place: Omit<Place, "namespace">;
}

/** Folder in which the kubelet listens for device plugins. */
const PLUGINS_FOLDER = "/var/lib/kubelet/device-plugins";

/** Folder in which the kubelet tells which pod has which GPU. */
const PODS_FOLDER = "/var/lib/kubelet/pod-resources";

/** The driver lets nobody else at slices and profiling counters; NVIDIA's own manifests ask for the same. */
const DRIVER_RIGHTS = { runAsUser: 0, capabilities: { drop: ["ALL"], add: ["SYS_ADMIN"] } };

/** Port of the exporter's metrics. */
const EXPORTER_PORT = 9400;

const CONFIG_FOLDER = "/etc/device-plugin";

/**
 * NVIDIA's device plugin and exporter on every node with GPUs. They mount folders of the node, which `restricted` forbids: they have
 * a namespace of their own, without any of our pods or secrets.
 */
export function gpuDaemons({ settings, images, pullPolicy, ...args }: GpuDaemonsArgs): void {
  const place = { ...args.place, namespace: namespace("gpu", `${args.namespace}-gpu`, "privileged", args.place) };
  const shared = { settings, pullPolicy, place };
  const everywhere = { name: "", sharing: sharingOf(settings), nodes: args.nodes };
  for (const division of args.divisions ?? [everywhere]) devicePlugin(division, images.devicePlugin, shared);
  daemon({
    ...shared,
    name: "dcgm-exporter",
    nodes: args.nodes,
    image: images.dcgmExporter,
    limits: { memoryMiB: 512, cpus: 0.5 },
    container: {
      ports: [{ name: "metrics", containerPort: EXPORTER_PORT, protocol: "TCP" }],
      env: [{ name: "DCGM_EXPORTER_KUBERNETES", value: "true" }],
      securityContext: DRIVER_RIGHTS,
    },
    folders: { [PODS_FOLDER]: "read" },
  });
  exporterPolicy("dcgm-exporter", EXPORTER_PORT, args.scrapers, place);
}

/** How GPUs are shared where the stack's file says it once for all of them. */
export function sharingOf({ sharing = { mode: "none" } }: Pick<KubernetesSettings["gpu"], "sharing">): GpuSharing {
  return sharing;
}

/**
 * NVIDIA's device plugin on nodes whose GPUs are shared alike. Its own way to several configurations, a second container that reads labels of
 * nodes and signals it, would have a token of the cluster; a DaemonSet for each has none.
 */
function devicePlugin(
  { name: division, sharing, nodes }: Omit<GpuDivision, "nodes"> & Pick<DaemonArgs, "nodes">,
  image: string,
  shared: Pick<DaemonArgs, "settings" | "pullPolicy" | "place">,
): void {
  const name = division === "" ? "device-plugin" : `device-plugin-${division}`;
  const config = configMap(name, name, { "config.yaml": pluginConfig(sharing) }, shared.place);
  daemon({
    ...shared,
    ...{ name, image, nodes, config },
    limits: { memoryMiB: 128, cpus: 0.2 },
    container: {
      args: [`--config-file=${CONFIG_FOLDER}/config.yaml`],
      ...(sharing.mode === "mig"
        ? { env: [{ name: "NVIDIA_MIG_MONITOR_DEVICES", value: "all" }], securityContext: DRIVER_RIGHTS }
        : {}),
    },
    folders: { [PLUGINS_FOLDER]: "write" },
  });
}

/** The device plugin's own configuration; JSON is YAML too. */
export function pluginConfig(sharing: GpuSharing): string {
  const turns = (replicas: number) => ({ sharing: { timeSlicing: { resources: [{ name: GPU_RESOURCE, replicas }] } } });
  return JSON.stringify({
    version: "v1",
    // All GPUs of a node are divided alike, so slices keep the name of whole ones.
    flags: { migStrategy: sharing.mode === "mig" ? "single" : "none" },
    ...(sharing.mode === "time-slicing" ? turns(sharing.replicas) : {}),
  });
}

interface DaemonArgs {
  readonly name: string;
  readonly image: string;
  readonly pullPolicy: PullPolicy;
  readonly limits: Limits;
  readonly settings: KubernetesSettings["gpu"];
  readonly nodes: NodeChoice | undefined;
  readonly container: Partial<k8s.core.v1.Container>;
  /** Folders of the node. */
  readonly folders: Readonly<Record<string, "read" | "write">>;
  /** ConfigMap that stands at {@link CONFIG_FOLDER}. */
  readonly config?: Output<string>;
  readonly place: Place;
}

function daemon(args: DaemonArgs): DaemonSet {
  const { name, place } = args;
  return new DaemonSet(
    name,
    {
      metadata: { name, namespace: place.namespace, labels: labels(name) },
      spec: {
        selector: selector(name),
        updateStrategy: { type: "RollingUpdate" },
        template: {
          metadata: { labels: labels(name) },
          spec: {
            ...gpuPod(args.settings, args.nodes),
            automountServiceAccountToken: false,
            enableServiceLinks: false,
            priorityClassName: "system-node-critical",
            containers: [daemonContainer(args)],
            volumes: daemonMounts(args).map(({ volume }) => volume),
          },
        },
      },
    },
    options(place),
  );
}

function daemonContainer(args: DaemonArgs): k8s.core.v1.Container {
  return {
    name: args.name,
    image: args.image,
    imagePullPolicy: args.pullPolicy,
    resources: resources({ limits: args.limits, cpuRequestPercent: 50 }),
    // GPUs are set up by drivers of the node: both have to be root, and the kubelet's socket is root's.
    securityContext: { runAsUser: 0, allowPrivilegeEscalation: false, capabilities: { drop: ["ALL"] } },
    volumeMounts: daemonMounts(args).map(({ mount }) => mount),
    ...args.container,
  };
}

function daemonMounts({ folders, config }: Pick<DaemonArgs, "folders" | "config">) {
  const hosts = Object.entries(folders).map(([path, access], index) => ({
    volume: { name: `node-${index}`, hostPath: { path, type: "Directory" } } satisfies k8s.core.v1.Volume,
    mount: { name: `node-${index}`, mountPath: path, readOnly: access === "read" },
  }));
  return [...hosts, ...(config === undefined ? [] : [configMount(config)])];
}

function configMount(name: Input<string>) {
  return {
    volume: { name: "config", configMap: { name } } satisfies k8s.core.v1.Volume,
    mount: { name: "config", mountPath: CONFIG_FOLDER, readOnly: true },
  };
}
