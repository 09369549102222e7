import type { KubernetesSettings } from "../../configs/kubernetes-settings.ts";
import type { ServiceImage } from "../contract.ts";
import type { ContextManifest, ImageName } from "../images/contexts.ts";

/** Images that the product runs on Kubernetes; it has no edge of its own there. */
export const PRODUCT_IMAGES = ["api", "worker", "postgres", "redis", "backup"] as const satisfies readonly ImageName[];

export type ProductImageName = (typeof PRODUCT_IMAGES)[number];

/** Names of images by what is in them, as a stack's file has them below `slipway:kubernetes.images`. */
export type ProductImages = Readonly<Record<ProductImageName, string>>;

/** Images of a stack: programs always have one, data services where they run in the cluster. */
export type ClusterImages = KubernetesSettings["images"] & Readonly<Record<ServiceImage, string>>;

/** The names under which `make up` brings the product's images to nodes by hand. A name says the content, so pods roll when it changes. */
export function importedImages({ images }: ContextManifest): ProductImages {
  const nameOf = (name: ProductImageName) => `slipway/${name}:${images[name].hash}`;
  return Object.fromEntries(PRODUCT_IMAGES.map((name) => [name, nameOf(name)])) as ProductImages;
}

/**
 * What every image of a stack is called.
 *
 * @param contexts asked only where the stack's file leaves a name out, which it may where images were brought to the nodes by hand
 */
export function clusterImages(
  { images, importedImages: isImported }: Pick<KubernetesSettings, "images" | "importedImages">,
  contexts: () => ContextManifest,
): ClusterImages {
  const isWhole = PRODUCT_IMAGES.every((name) => images[name] !== undefined);
  const all = isImported && !isWhole ? { ...importedImages(contexts()), ...images } : images;
  const { api, worker } = all;
  // The file was refused before.
  if (api === undefined || worker === undefined)
    throw new Error("slipway:kubernetes.images names no api or no worker.");
  return { ...all, api, worker };
}
