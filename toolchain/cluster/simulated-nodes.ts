import { globSync } from "node:fs";
import { join } from "node:path";
import { gpuShape } from "../../infra/plan/gpu-shapes.ts";
import { GPU_RESOURCE, type PoolPlan } from "../../infra/plan/node-pools.ts";
import type { AddOn } from "./add-on.ts";
import type { Cluster } from "./access.ts";
import type { Programs } from "./components.ts";
import type { Layout } from "./layout.ts";

/** Label and taint of nodes that are nothing but an object: what does not tolerate it never lands on one. */
export const SIMULATED_LABEL = "slipway/simulated";

/** What pods need so that they may land on simulated nodes. Nothing runs there: kwok says of each pod that it does. */
export const SIMULATED_TOLERATION = { key: SIMULATED_LABEL, operator: "Exists", effect: "NoSchedule" } as const;

/** By which kwok knows its nodes. */
const OWNED = { annotation: "kwok.x-k8s.io/node", value: "fake" } as const;

/** Where kwok says how it is, on loopback. */
const PORT = 20247;
/** Addresses for measurements, which nobody routes: of nodes, and of the pods on them. */
const ADDRESSES = { node: "198.18.0.1", pods: "198.19.0.1/16" } as const;
/** Seconds that a simulated node's sign of life holds, as a kubelet's does. */
const LEASE_SECONDS = 40;
/** Most pods of one node; the kubelet's own default. */
const PODS = 110;
/** Seconds until simulated nodes must say that they are ready. */
const READY_SECONDS = 60;

/** CPU and memory of one node. */
export interface NodeSize {
  readonly cpus: number;
  readonly memoryGiB: number;
}

/** Nodes of one pool. */
export interface SimulatedNodes {
  readonly pool: PoolPlan;
  /** How many there shall be; those above stay. */
  readonly nodes: number;
  /** @default the GPU shape's; 4 CPUs and 16 GiB where the pool has none */
  readonly size?: NodeSize;
}

/** kwok, which plays the kubelet for simulated nodes, and for them alone. */
export function simulatedNodes(layout: Layout, { kwok: folder }: Programs): AddOn {
  return {
    objects: [],
    apis: [],
    daemons: [
      {
        name: "kwok",
        program: join(folder, "kwok"),
        args: [
          `--kubeconfig=${layout.kubeconfig}`,
          ...globSync(join(folder, "files/*.yaml")).map((stage) => `--config=${stage}`),
          "--manage-all-nodes=false",
          `--manage-nodes-with-annotation-selector=${OWNED.annotation}=${OWNED.value}`,
          `--node-lease-duration-seconds=${LEASE_SECONDS}`,
          `--node-ip=${ADDRESSES.node}`,
          `--cidr=${ADDRESSES.pods}`,
          `--server-address=127.0.0.1:${PORT}`,
        ],
        isReady: async () => (await fetch(`http://127.0.0.1:${PORT}/healthz`)).ok,
      },
    ],
  };
}

/**
 * Adds nodes as a pool would have them: its labels, taints and GPUs. They run nothing.
 *
 * @returns their names, once they are ready
 */
export async function addSimulatedNodes(cluster: Cluster, specs: readonly SimulatedNodes[]): Promise<string[]> {
  const nodes = specs.flatMap((spec) => Array.from({ length: spec.nodes }, (_, index) => simulatedNode(spec, index)));
  const names = nodes.map(({ metadata }) => metadata.name);
  if (names.length === 0) return [];
  await cluster.apply(nodes);
  const wait = ["--for=condition=Ready", `--timeout=${READY_SECONDS}s`];
  await cluster.kubectl("wait", ...names.map((name) => `node/${name}`), ...wait);
  return names;
}

/** Takes away every simulated node, and what stands on them. */
export async function removeSimulatedNodes({ kubectl }: Cluster): Promise<void> {
  await kubectl("delete", "nodes", `--selector=${SIMULATED_LABEL}=true`, "--wait=false");
}

/** A node of a pool, as an object. */
export function simulatedNode({ pool, size = sizeOf(pool) }: SimulatedNodes, index: number) {
  const name = `simulated-${pool.name}-${index + 1}`;
  const resources = {
    cpu: String(size.cpus),
    memory: `${size.memoryGiB}Gi`,
    "ephemeral-storage": `${pool.diskGiB}Gi`,
    pods: String(PODS),
    ...(pool.gpu === undefined ? {} : { [GPU_RESOURCE]: String(pool.gpu.schedulable) }),
  };
  return {
    apiVersion: "v1",
    kind: "Node",
    metadata: {
      name,
      annotations: { [OWNED.annotation]: OWNED.value },
      labels: { ...pool.labels, ...ownLabels(pool, name, index), [SIMULATED_LABEL]: "true" },
    },
    spec: { taints: [...pool.taints, { key: SIMULATED_LABEL, value: "true", effect: "NoSchedule" }] },
    status: { capacity: resources, allocatable: resources },
  };
}

/** What a node says of itself, and its cloud of it. */
function ownLabels({ instanceTypes, zones }: PoolPlan, name: string, index: number): Record<string, string> {
  const zone = zones[index % zones.length];
  const type = instanceTypes[index % instanceTypes.length];
  return {
    "kubernetes.io/hostname": name,
    "kubernetes.io/os": "linux",
    "kubernetes.io/arch": "amd64",
    ...(type === undefined ? {} : { "node.kubernetes.io/instance-type": type }),
    ...(zone === undefined ? {} : { "topology.kubernetes.io/zone": zone }),
  };
}

function sizeOf({ gpu }: PoolPlan): NodeSize {
  if (gpu === undefined) return { cpus: 4, memoryGiB: 16 };
  const { vcpus, memoryGiB } = gpuShape(gpu.shape);
  return { cpus: vcpus, memoryGiB };
}
