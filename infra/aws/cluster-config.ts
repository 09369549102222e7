import { kubernetesSchema } from "../../configs/kubernetes-settings.ts";
import { wantsGpu } from "../../configs/stack-faults.ts";
import type { StackConfig } from "../../configs/stack.ts";
import { clusterConnectionUsers } from "../kubernetes/scale.ts";
import { scaling, type ClusterConfig } from "../kubernetes/settings.ts";
import { assertConnectionBudget } from "../plan/connection-budget.ts";
import type { ResolvedSize } from "../plan/sizes.ts";
import { awsGpu } from "./gpu-settings.ts";
import { awsOf } from "./plans.ts";

/**
 * What the platform in the cluster is told on AWS: sizes, replicas and ranges are those of `aws.size` and `aws.overrides`, whatever the keys of other
 * platforms say by default.
 *
 * @param stack the stack's name, for messages
 * @throws ConnectionBudgetError where autoscaling could ask the database for more connections than it has
 */
export function awsClusterConfig(stack: string, config: StackConfig, size: ResolvedSize): ClusterConfig {
  const resolved = resolve(config, size);
  const users = clusterConnectionUsers(resolved, wantsGpu(config));
  assertConnectionBudget(stack, users, size.database.maxConnections);
  return resolved;
}

function resolve(config: StackConfig, size: ResolvedSize): ClusterConfig {
  const kubernetes = config.kubernetes ?? kubernetesSchema.parse({});
  const { api, worker, gpu } = size;
  return {
    ...config,
    api: { ...config.api, replicas: api.replicas, cpus: api.cpus, memoryMiB: api.memoryMiB },
    worker: {
      ...config.worker,
      ...{ replicas: worker.replicas, concurrency: worker.concurrency, cpus: worker.cpus, memoryMiB: worker.memoryMiB },
    },
    kubernetes: {
      ...{ ...kubernetes, ...scaling(config, kubernetes, false) },
      api: { minReplicas: api.replicas, maxReplicas: api.maxReplicas },
      workers: upTo(worker.maxReplicas, kubernetes.workers.minReplicas),
      gpuWorkers: upTo(gpu.maxReplicas, kubernetes.gpuWorkers.minReplicas),
      gpu: awsGpu(kubernetes.gpu, awsOf(config)),
    },
  };
}

function upTo(maxReplicas: number, least: number) {
  return { minReplicas: Math.min(least, maxReplicas), maxReplicas };
}
