import type { ConnectionUser } from "../plan/connection-budget.ts";
import { connectionUsers } from "../services.ts";
import type { ClusterConfig } from "./settings.ts";

/** How many pods a service has, and who decides. */
export type Scale =
  /** The stack's file: `spec.replicas` is written. */
  | { readonly owner: "stack"; readonly replicas: number }
  /** An autoscaler: `spec.replicas` is left to it. */
  | { readonly owner: "hpa" | "keda"; readonly min: number; readonly max: number };

/** Key of `kubernetes` in the stack's file that holds the range of a service. */
const RANGES = { api: "api", "worker-cpu": "workers", "worker-gpu": "gpuWorkers" } as const satisfies Record<
  string,
  string
>;

type Scaled = keyof typeof RANGES;

/**
 * Says who decides how many pods a service has. KEDA knows the job table, so workers are its; the API goes by CPU. Without KEDA CPU
 * workers go by CPU too, but never to none; GPU workers do not: their CPU says nothing.
 *
 * @param service `api`, `worker-cpu`, `worker-gpu`; any other is the stack's
 * @param replicas what the stack's file says where nobody else decides
 */
export function scaleOf(service: string, replicas: number, { kubernetes }: ClusterConfig): Scale {
  const fixed = { owner: "stack", replicas } as const;
  if (kubernetes.autoscaler === "none" || !isScaled(service)) return fixed;
  const { minReplicas: min, maxReplicas: max } = kubernetes[RANGES[service]];
  if (service === "api") return { owner: "hpa", min, max };
  if (kubernetes.autoscaler === "keda") return { owner: "keda", min, max };
  return service === "worker-gpu" ? fixed : { owner: "hpa", min: Math.max(1, min), max };
}

/** Most pods that a service ever has, but for those that a release brings up beside. */
export function mostPods(scale: Scale): number {
  return scale.owner === "stack" ? scale.replicas : scale.max;
}

/** Which service may hold how many connections to Postgres, when autoscalers have gone as far as they may. */
export function clusterConnectionUsers(config: ClusterConfig, hasGpu: boolean): ConnectionUser[] {
  return connectionUsers(config, hasGpu).map((user) => {
    const scale = scaleOf(user.name, user.replicas, config);
    if (scale.owner === "stack" || !isScaled(user.name)) return user;
    return { ...user, replicas: scale.max, keys: [`kubernetes.${RANGES[user.name]}.maxReplicas`] };
  });
}

function isScaled(service: string): service is Scaled {
  return Object.hasOwn(RANGES, service);
}
