import type { KubernetesSettings } from "../../configs/kubernetes-settings.ts";
import type { StackConfig } from "../../configs/stack.ts";

/**
 * What the stack's file says of its cluster.
 *
 * @throws where the stack has another platform; its file was refused before
 */
export function kubernetesOf({ platform, kubernetes }: StackConfig): KubernetesSettings {
  if (kubernetes === undefined)
    throw new Error(`platform is ${platform}, which has no slipway:kubernetes; allowed here is kubernetes alone.`);
  return kubernetes;
}

/** The rest of the file with it. */
export type ClusterConfig = StackConfig & { readonly kubernetes: KubernetesSettings };

/** The same stack, known to have a cluster. */
export function clusterConfig(config: StackConfig): ClusterConfig {
  return { ...config, kubernetes: kubernetesOf(config) };
}
