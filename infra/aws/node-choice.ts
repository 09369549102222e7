import type { input as k8s } from "@pulumi/kubernetes/types/index.js";
import type { ProgramSpec } from "../contract.ts";
import { GPU_DAEMONS, type GpuDivision, type NodeAsker, type NodeChoice } from "../kubernetes/surroundings.ts";
import type { GpuShapeName } from "../plan/gpu-shapes.ts";
import { CAPACITY_LABEL, DEVICE_PLUGIN_LABEL, GPU_SHAPE_LABEL, POOL_LABEL, type PoolPlan } from "../plan/node-pools.ts";

/** Spot nodes repel who does not say this: what cannot go within two minutes. */
const TOLERATES_SPOT = { key: CAPACITY_LABEL, operator: "Equal", value: "spot", effect: "NoSchedule" } as const;

/** The system pool, which may repel who is no add-on. */
export const ON_SYSTEM_NODES = {
  nodeSelector: { [POOL_LABEL]: "system" },
  tolerations: [{ key: "CriticalAddonsOnly", operator: "Exists" }],
} as const satisfies NodeChoice;

/** A wish: where spot nodes are not to be had, jobs go on on others. */
const ON_SPOT: NodeChoice = {
  tolerations: [TOLERATES_SPOT],
  affinity: {
    nodeAffinity: {
      preferredDuringSchedulingIgnoredDuringExecution: [
        {
          weight: 100,
          preference: { matchExpressions: [{ key: CAPACITY_LABEL, operator: "In", values: ["spot"] }] },
        },
      ],
    },
  },
};

/** EKS labels no node by its having GPUs; the pools' own label does. */
function onGpuNodes(...more: k8s.core.v1.NodeSelectorRequirement[]): NodeChoice {
  const matchExpressions = [{ key: GPU_SHAPE_LABEL, operator: "Exists" }, ...more];
  return {
    affinity: {
      nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchExpressions }] } },
    },
  };
}

/** Whether a program's pods may be on spot nodes. A worker's jobs go on elsewhere; the API and a migration would be cut. */
export function goesOnSpot({ name }: Pick<ProgramSpec, "name">, pools: readonly PoolPlan[]): boolean {
  const isGpu = name === "worker-gpu";
  const isWorker = isGpu || name === "worker-cpu";
  return isWorker && pools.some(({ capacity, gpu }) => capacity === "spot" && (gpu !== undefined) === isGpu);
}

/**
 * On which of the stack's pools a program's pods run: GPU workers on those of one shape, NVIDIA's daemons on those of every shape; workers on spot nodes
 * where there are, else anywhere that repels nobody.
 *
 * @throws Error where pools have several shapes and nobody says which; the stack's file was refused before
 */
export function nodeChoice(asker: NodeAsker, pools: readonly PoolPlan[]): NodeChoice {
  const { name } = asker;
  if (name === GPU_DAEMONS) return onGpuNodes();
  if (name !== "worker-gpu") return goesOnSpot(asker, pools) ? ON_SPOT : {};
  const shape = gpuShape(asker, pools);
  if (shape === undefined) return {};
  const own = pools.filter(({ gpu }) => gpu?.shape === shape);
  return { ...(goesOnSpot(asker, own) ? ON_SPOT : {}), nodeSelector: { [GPU_SHAPE_LABEL]: shape } };
}

function gpuShape({ gpuShape: chosen }: NodeAsker, pools: readonly PoolPlan[]): GpuShapeName | undefined {
  const shapes = [...new Set(pools.flatMap(({ gpu }) => (gpu === undefined ? [] : [gpu.shape])))];
  if (chosen !== undefined) return chosen;
  if (shapes.length > 1) throw new Error(`slipway:kubernetes.gpu.shape is missing; allowed are ${shapes.join(", ")}.`);
  return shapes[0];
}

/**
 * How the GPUs of the pools are shared, by the label by which NVIDIA's device plugin is told of it. Pools that are divided in hardware are not among
 * them: who divides them, NVIDIA's operator, has a device plugin too.
 */
export function gpuDivisions(pools: readonly PoolPlan[]): readonly GpuDivision[] {
  const named = pools.flatMap(({ gpu, labels }) =>
    gpu === undefined || gpu.sharing.mode === "mig" ? [] : [[labels[DEVICE_PLUGIN_LABEL] ?? "", gpu.sharing] as const],
  );
  return [...new Map(named)].map(([name, sharing]) => ({ name, sharing, nodes: onGpuNodes(labelled(name)) }));
}

function labelled(name: string): k8s.core.v1.NodeSelectorRequirement {
  if (name === "") return { key: DEVICE_PLUGIN_LABEL, operator: "DoesNotExist" };
  return { key: DEVICE_PLUGIN_LABEL, operator: "In", values: [name] };
}
