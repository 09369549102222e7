import { bringsKeda } from "../../configs/keda-faults.ts";
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

/** The same with nothing left to find out. */
export type ClusterSettings = KubernetesSettings & {
  readonly autoscaler: "keda" | "hpa" | "none";
  readonly keda: { readonly install: boolean; readonly sslMode: NonNullable<KubernetesSettings["keda"]["sslMode"]> };
};

/** The rest of the file with it. */
export type ClusterConfig = StackConfig & { readonly kubernetes: ClusterSettings };

/**
 * The same stack, known to have a cluster, with a name for every image and somebody who scales.
 *
 * @param hasKeda whether KEDA is in the cluster already; counts where `autoscaler` is `auto`
 * @throws Error where names of images come from the sources, and these cannot be bundled
 */
export function clusterConfig(config: StackConfig, hasKeda: boolean): ClusterConfig {
  const kubernetes = kubernetesOf(config);
  const images = clusterImages(kubernetes, readyContexts);
  return { ...config, kubernetes: { ...kubernetes, images, ...scaling(config, kubernetes, hasKeda) } };
}

/** Who scales, and what is needed for it. */
export function scaling(
  { platform }: Pick<StackConfig, "platform">,
  kubernetes: KubernetesSettings,
  hasKeda: boolean,
): Pick<ClusterSettings, "autoscaler" | "keda"> {
  const { autoscaler, keda } = kubernetes;
  const install = bringsKeda({ platform, kubernetes });
  const found = install || hasKeda ? "keda" : "hpa";
  return {
    autoscaler: autoscaler === "auto" ? found : autoscaler,
    keda: { ...keda, install, sslMode: keda.sslMode ?? (install ? "verify-full" : "require") },
  };
}
