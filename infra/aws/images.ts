import { RegistryImage, RemoteImage } from "@pulumi/docker";
import { interpolate, type Output } from "@pulumi/pulumi";
import type { KubernetesSettings } from "../../configs/kubernetes-settings.ts";
import type { ServiceImage } from "../contract.ts";
import type { BuildContext } from "../images/contexts.ts";
import { contextFolder, readyContexts } from "../images/ready.ts";
import { importedImages } from "../kubernetes/images.ts";
import type { AwsPlace } from "./place.ts";
import type { Registry } from "./registry.ts";

const NAMES = ["api", "worker"] as const satisfies readonly ServiceImage[];

export interface ImagesArgs {
  readonly settings: Pick<KubernetesSettings, "images" | "importedImages">;
  readonly registry: Registry;
  readonly place: Pick<AwsPlace, "parent">;
}

/**
 * What the programs run from. An image that the stack's file names is taken as it is; any other is built on this machine's Docker engine, pushed to
 * the stack's own registry, and used by the digest that the registry gives. The engine has to be logged in there:
 * `aws ecr get-login-password | docker login --username AWS --password-stdin <account>.dkr.ecr.<region>.amazonaws.com`.
 */
export function images({
  settings,
  registry,
  place,
}: ImagesArgs): Readonly<Record<ServiceImage, Output<string> | string>> {
  const imageOf = (name: ServiceImage) => {
    const named = settings.images[name];
    if (named !== undefined) return named;
    const contexts = readyContexts();
    if (settings.importedImages) return importedImages(contexts)[name];
    return pushed(name, contexts.images[name], registry[name].url, place);
  };
  return { api: imageOf(NAMES[0]), worker: imageOf(NAMES[1]) };
}

/** A tag says the content, and never means another: what was pushed once is not built again. */
function pushed(
  name: ServiceImage,
  { context, hash }: BuildContext,
  repository: Output<string>,
  { parent }: Pick<AwsPlace, "parent">,
): Output<string> {
  const image = new RemoteImage(
    `image-${name}`,
    {
      name: interpolate`${repository}:${hash}`,
      build: { context: contextFolder(context), forceRemove: true, platform: "linux/amd64" },
      keepLocally: false,
    },
    { parent, deleteBeforeReplace: false },
  );
  // The registry's own rules say how long an image stays: a rollback needs those before.
  const there = new RegistryImage(
    `image-${name}`,
    { name: image.name, keepRemotely: true, triggers: { hash } },
    { parent, deleteBeforeReplace: false },
  );
  return interpolate`${repository}@${there.sha256Digest}`;
}
