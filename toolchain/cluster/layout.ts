import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Folders } from "../folders.ts";

/** Name of the only node that really runs something. */
export const NODE = "slipway";

/**
 * Addresses of the cluster, on a bridge of its own: of the pods and the machine on it, and of services. The API server and the
 * cluster's DNS listen on the machine's own address there, and nowhere else.
 */
export const NETWORK = {
  bridge: "slipway-kube",
  machine: "10.231.0.1",
  pods: "10.231.0.0/16",
  services: "10.232.0.0/16",
  firstService: "10.232.0.1",
} as const;

export const API_PORT = 6443;
export const API_URL = `https://${NETWORK.machine}:${API_PORT}`;

/** Name that the programs use of a cluster in kubeconfigs. */
export const CLUSTER_NAME = "slipway";

/** Where the parts of a cluster lie. All below the state folder: what is in it cannot be made again. */
export interface Layout {
  readonly folder: string;
  readonly pki: string;
  readonly etcd: string;
  readonly containerd: string;
  readonly kubelet: string;
  readonly cni: string;
  /** Logs and process ids. */
  readonly run: string;
  /** More zones for the cluster's DNS, as CoreDNS writes them: those of a file count seconds after it is there. */
  readonly zones: string;
  /** Folders that stand for disks of pods. */
  readonly volumes: string;
  /** What people and programs connect with; it may do everything. */
  readonly kubeconfig: string;
  /** Socket of the cluster's own containerd. */
  readonly socket: string;
}

/** @returns the layout, with its folders made, for nobody but their owner */
export function layoutOf({ state }: Folders): Layout {
  const folder = join(state, "cluster");
  const layout = {
    folder,
    pki: join(folder, "pki"),
    etcd: join(folder, "etcd"),
    containerd: join(folder, "containerd"),
    kubelet: join(folder, "kubelet"),
    cni: join(folder, "cni"),
    run: join(folder, "run"),
    zones: join(folder, "zones"),
    volumes: join(folder, "volumes"),
  };
  for (const path of Object.values(layout)) mkdirSync(path, { recursive: true, mode: 0o700 });
  return { ...layout, kubeconfig: join(folder, "kubeconfig"), socket: join(layout.run, "containerd.sock") };
}
