import { kubernetesSchema } from "../../configs/kubernetes-settings.ts";
import type { StackConfig } from "../../configs/stack.ts";
import type { ClusterConfig } from "../kubernetes/settings.ts";
import type { ResolvedSize } from "../plan/sizes.ts";

/**
 * What the platform in the cluster is told on AWS: sizes, replicas and ranges are those of `aws.size` and `aws.overrides`, whatever the keys of other
 * platforms say by default.
 */
export function awsClusterConfig(config: StackConfig, size: ResolvedSize): ClusterConfig {
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
      ...kubernetes,
      api: { minReplicas: api.replicas, maxReplicas: api.maxReplicas },
      workers: upTo(worker.maxReplicas, kubernetes.workers.minReplicas),
      gpuWorkers: upTo(gpu.maxReplicas, kubernetes.gpuWorkers.minReplicas),
    },
  };
}

function upTo(maxReplicas: number, least: number) {
  return { minReplicas: Math.min(least, maxReplicas), maxReplicas };
}
