import type { input as k8s } from "@pulumi/kubernetes/types/index.js";
import type { Input, Output } from "@pulumi/pulumi";
import type { GpuSharing } from "../../configs/kubernetes-settings.ts";
import type { Cache, Database, Done, ServiceImage } from "../contract.ts";
import type { GpuShapeName } from "../plan/gpu-shapes.ts";
import type { DataAccess, Peer, PeerAccess } from "./network-policy.ts";

/** A data service, wherever it is. */
export interface Server<T> {
  readonly is: T;
  /** How a namespace beside the stack's own reaches it. */
  readonly fullHost: Output<string> | string;
  /** What has to be there before it serves. */
  readonly ready: readonly Done[];
  readonly where: Pick<DataAccess, "port" | "cidrs">;
}

/** What a stack brings along that makes the cluster too: nothing that holds data stands in the cluster then. */
export interface Surroundings {
  readonly database: Server<Database>;
  readonly cache: Server<Cache>;
  readonly objects: RemoteObjects;
  readonly loadBalancer: LoadBalancerAccess;
  /** What the programs run from, once it is in the stack's own registry. */
  readonly images: Readonly<Record<ServiceImage, Input<string>>>;
  /** Which nodes a program's pods run on, those with GPUs included. */
  readonly nodes: (asker: NodeAsker) => NodeChoice;
  /** How GPUs are shared, by nodes; in place of `kubernetes.gpu.sharing`. @default as that says, on all of them */
  readonly gpuDivisions?: readonly GpuDivision[];
  /** Others that programs speak to. @default nobody */
  readonly peers?: readonly PeerAccess[];
  /** What has to be there before a pod starts, such as the roles of its account. */
  readonly ready: readonly Done[];
}

/** Whose pods want nodes. */
export interface NodeAsker {
  /** Of a program, or {@link GPU_DAEMONS}. */
  readonly name: string;
  /** Shape of the nodes with GPUs, for the GPU workers. @default the only one there is */
  readonly gpuShape?: GpuShapeName | undefined;
}

/** Name under which NVIDIA's daemons ask: they run on every node with GPUs, whatever its shape. */
export const GPU_DAEMONS = "gpu-daemons";

/** Nodes whose GPUs are shared alike. */
export interface GpuDivision {
  /** Behind the names of what serves them; empty for those that have nothing else to go by. */
  readonly name: string;
  readonly sharing: GpuSharing;
  readonly nodes: NodeChoice;
}

/** Which nodes pods run on. */
export interface NodeChoice {
  readonly affinity?: k8s.core.v1.Affinity;
  readonly nodeSelector?: Readonly<Record<string, string>>;
  readonly tolerations?: readonly k8s.core.v1.Toleration[];
}

/** An object store that pods reach over the network, under an account of their own. */
export interface RemoteObjects {
  /** Such as `s3://bucket`. */
  readonly url: Input<string>;
  /** What pods speak to for it: the store, and who gives them credentials. */
  readonly peers: readonly Peer[];
}

/** A load balancer that sends the public's requests to a port of the nodes. */
export interface LoadBalancerAccess {
  /** 30000..32767 */
  readonly nodePort: number;
  /** Networks that its requests come from, those of nodes that pass them on included. */
  readonly cidrs: readonly string[];
}
