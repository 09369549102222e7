import type { KubernetesSettings } from "../../configs/kubernetes-settings.ts";
import type { PoolPlan } from "../plan/node-pools.ts";
import { PlanError } from "../plan/plan-error.ts";

/** Who makes nodes and takes them away. */
export interface AutoscalerPlan {
  /** The cluster autoscaler's, by its digest. */
  readonly image: string;
}

/**
 * Whether the stack needs somebody who sets the size of its pools.
 *
 * @param stack   the stack's name, for messages
 * @param version minor version of Kubernetes
 * @returns nothing where every pool has one size for good
 * @throws PlanError where a pool may grow and no image is named: it would stay as small as it may be
 */
export function planAutoscaler(
  stack: string,
  pools: readonly PoolPlan[],
  { images, version }: { readonly images: Pick<KubernetesSettings["images"], "autoscaler">; readonly version: string },
): AutoscalerPlan | undefined {
  const growing = pools.filter(({ min, max }) => max > min);
  if (growing.length === 0) return undefined;
  if (images.autoscaler !== undefined) return { image: images.autoscaler };
  const ranges = growing.map(({ name, min, max }) => `${name} ${min}..${max}`).join(", ");
  throw new PlanError(stack, "node pools", [
    `slipway:kubernetes.images.autoscaler is missing, and pools may grow (${ranges}), which nobody else makes them do. Name the image of the ` +
      `cluster autoscaler ${version}.x by its digest, or give each pool of slipway:aws.pools a max that is its min.`,
  ]);
}
