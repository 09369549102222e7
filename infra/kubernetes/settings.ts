import type { KubernetesSettings } from "../../configs/kubernetes-settings.ts";
import type { StackConfig } from "../../configs/stack.ts";
import { readyContexts } from "../images/ready.ts";
import { clusterImages } from "./images.ts";

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

/**
 * The same stack, known to have a cluster, and with a name for every image.
 *
 * @throws Error where names of images come from the sources, and these cannot be bundled
 */
export function clusterConfig(config: StackConfig): ClusterConfig {
  const kubernetes = kubernetesOf(config);
  return { ...config, kubernetes: { ...kubernetes, images: clusterImages(kubernetes, readyContexts) } };
}
