import type { AwsSettings } from "../../configs/aws-settings.ts";
import type { KubernetesSettings } from "../../configs/kubernetes-settings.ts";

/**
 * Seconds that a node of EKS may take to start where the stack's file says nothing: after as many the cluster autoscaler gives one up by itself
 * (its `--max-node-provision-time`, 15 minutes by default). The image of a GPU worker has to be pulled by then as well.
 */
export const NODE_START_SECONDS = 900;

/**
 * What the platform in the cluster is told of GPUs on AWS: they are shared as the pools say that GPU workers run on.
 *
 * @param gpu of `slipway:kubernetes`
 */
export function awsGpu(
  gpu: KubernetesSettings["gpu"],
  { pools }: Pick<AwsSettings, "pools">,
): KubernetesSettings["gpu"] {
  // Without a shape in the file there is one alone, and pools of one shape are shared alike: others were refused before.
  const own = pools.gpu.find(({ shape }) => gpu.shape === undefined || shape === gpu.shape);
  return {
    ...gpu,
    ...(own === undefined ? {} : { sharing: own.sharing }),
    nodeStartSeconds: gpu.nodeStartSeconds ?? NODE_START_SECONDS,
  };
}
