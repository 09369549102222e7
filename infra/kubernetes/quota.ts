import { LimitRange } from "@pulumi/kubernetes/core/v1/limitRange.js";
import { ResourceQuota } from "@pulumi/kubernetes/core/v1/resourceQuota.js";
import type { Limits } from "../contract.ts";
import { GPU_RESOURCE } from "../plan/node-pools.ts";
import { options, stackLabels, type Place } from "./place.ts";
import { mebibytes, milliCpus } from "./pod.ts";

/** Pods of one kind. */
export interface QuotaUser {
  readonly limits: Limits;
  /** Most of them that there are outside a release. */
  readonly pods: number;
  /** Whether a release brings new ones up beside the old. */
  readonly beside: boolean;
  readonly gpu: boolean;
}

/** What a namespace may take at most. */
export interface Quota {
  readonly pods: number;
  readonly memoryMiB: number;
  readonly cpus: number;
  readonly gpus: number;
  /** Services that open a port on every node: the API's, where a load balancer outside of the cluster comes to it. */
  readonly nodePorts: number;
}

/** Old pods that still drain count until they are gone: in a release every old and every new one may be there, and one in excess. */
export function planQuota(users: readonly QuotaUser[], nodePorts = 0): Quota {
  const rows = users.map(({ limits, pods, beside, gpu }) => ({ ...limits, gpu, pods: beside ? 2 * pods + 1 : pods }));
  const sum = (of: (row: (typeof rows)[number]) => number) => rows.reduce((total, row) => total + of(row), 0);
  return {
    pods: sum(({ pods }) => pods),
    memoryMiB: sum(({ pods, memoryMiB }) => pods * memoryMiB),
    cpus: sum(({ pods, cpus }) => pods * cpus),
    gpus: sum(({ pods, gpu }) => (gpu ? pods : 0)),
    nodePorts,
  };
}

/** Keeps a stack that goes wrong from taking the whole cluster. */
export function resourceQuota({ pods, memoryMiB, cpus, gpus, nodePorts }: Quota, place: Place): ResourceQuota {
  const memory = mebibytes(memoryMiB);
  return new ResourceQuota(
    "quota",
    {
      metadata: { name: "quota", namespace: place.namespace, labels: stackLabels() },
      spec: {
        hard: {
          pods: String(pods),
          "requests.memory": memory,
          "limits.memory": memory,
          "requests.cpu": milliCpus(cpus),
          "limits.cpu": milliCpus(cpus),
          [`requests.${GPU_RESOURCE}`]: String(gpus),
          // Nothing is reached past the edge: an ingress of the cluster, or the load balancer that comes to the node port.
          "services.loadbalancers": "0",
          "services.nodeports": String(nodePorts),
        },
      },
    },
    options(place),
  );
}

/** What a container gets that asks for nothing: a quota refuses it otherwise, `kubectl run` in an emergency included. */
const SMALL = { memory: "128Mi", cpu: "100m" };

/** Gives containers of people and other programs a size; ours all say their own. */
export function limitRange(place: Place): LimitRange {
  return new LimitRange(
    "defaults",
    {
      metadata: { name: "defaults", namespace: place.namespace, labels: stackLabels() },
      spec: { limits: [{ type: "Container", default: SMALL, defaultRequest: SMALL }] },
    },
    options(place),
  );
}
