import { backupsInCluster } from "../../configs/stack-backup.ts";
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

/** The same in `aws.overrides`. */
const SIZES: Readonly<Record<Scaled, string>> = { api: "api", "worker-cpu": "worker", "worker-gpu": "gpu" };

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

/** Connections of one ScaledObject: KEDA looks at the table, and the HPA asks at the same time. A new one comes before the old is closed. */
const KEDA_CONNECTIONS = 2;

/** The step that makes the database's roles, where it is AWS' own; before a migration, never beside it. */
const PREPARE = { name: "prepare", replicas: 1, connections: 1, isReplacedInPlace: true, keys: [] } as const;

/** What a drill asks and notes. The agent comes as the superuser, who has connections of its own. */
const DRILL_CONNECTION = { name: "drill", replicas: 1, connections: 1, isReplacedInPlace: true, keys: [] } as const;

/**
 * Who may hold how many connections to Postgres, when autoscalers have gone as far as they may: every service, KEDA, and steps that go before.
 * One sum for all clusters; the keys are those that the platform reads.
 */
export function clusterConnectionUsers(config: ClusterConfig, hasGpu: boolean): ConnectionUser[] {
  const scales = connectionUsers(config, hasGpu).map((user) => ({
    user,
    scale: scaleOf(user.name, user.replicas, config),
  }));
  const watched = scales.filter(({ scale }) => scale.owner === "keda").length;
  return [
    ...scales.map(({ user, scale }) => ({ ...user, replicas: mostPods(scale), keys: keysOf(user, scale, config) })),
    ...(watched > 0
      ? [{ name: "keda", replicas: watched, connections: KEDA_CONNECTIONS, keys: ["kubernetes.autoscaler"] }]
      : []),
    ...(config.platform === "aws" ? [PREPARE] : []),
    ...(backupsInCluster(config) ? [DRILL_CONNECTION] : []),
  ];
}

/** Keys that lower a service's share. */
function keysOf({ name, keys }: ConnectionUser, { owner }: Scale, { platform }: ClusterConfig): readonly string[] {
  if (!isScaled(name)) return keys;
  const number = owner === "stack" ? "replicas" : "maxReplicas";
  // A GPU worker that nobody scales is there or not.
  if (platform === "aws" && !(name === "worker-gpu" && owner === "stack"))
    return [`aws.overrides.${SIZES[name]}.${number}`];
  return owner === "stack" ? keys : [`kubernetes.${RANGES[name]}.maxReplicas`];
}

function isScaled(service: string): service is Scaled {
  return Object.hasOwn(RANGES, service);
}
