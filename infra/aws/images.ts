import { getAuthorizationTokenOutput } from "@pulumi/aws/ecr/getAuthorizationToken.js";
import { RegistryImage, RemoteImage } from "@pulumi/docker";
import { interpolate, secret, type Output } from "@pulumi/pulumi";
import type { KubernetesSettings } from "../../configs/kubernetes-settings.ts";
import type { ServiceImage } from "../contract.ts";
import type { BuildContext } from "../images/contexts.ts";
import { contextFolder, readyContexts } from "../images/ready.ts";
import { importedImages } from "../kubernetes/images.ts";
import type { AwsPlace } from "./place.ts";
import type { Registry } from "./registry.ts";

export interface ImagesArgs {
  readonly settings: Pick<KubernetesSettings, "images" | "importedImages">;
  readonly registry: Registry;
  readonly place: Pick<AwsPlace, "parent" | "provider">;
}

/**
 * What the programs run from. An image that the stack's file names is taken as it is; any other is built on this machine's Docker engine, pushed to
 * the stack's own registry, and used by the digest that the registry gives.
 */
export function images({
  settings,
  registry,
  place,
}: ImagesArgs): Readonly<Record<ServiceImage, Output<string> | string>> {
  const login = once(() => registryLogin(place));
  const imageOf = (name: ServiceImage) => {
    const named = settings.images[name];
    if (named !== undefined) return named;
    const contexts = readyContexts();
    if (settings.importedImages) return importedImages(contexts)[name];
    return pushed({ name, build: contexts.images[name], repository: registry[name].url, login: login(), place });
  };
  return { api: imageOf("api"), worker: imageOf("worker") };
}

/** Who pushes: whoever ECR knows by the credentials of AWS, for twelve hours. Nobody has to log a Docker engine in. */
interface RegistryLogin {
  readonly address: Output<string>;
  readonly username: Output<string>;
  readonly password: Output<string>;
}

function registryLogin({ parent, provider }: ImagesArgs["place"]): RegistryLogin {
  const token = getAuthorizationTokenOutput({}, { parent, provider });
  return { address: token.proxyEndpoint, username: token.userName, password: secret(token.password) };
}

/** A preview asks ECR once, and not at all where no image is built. */
function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => (made ??= { value: make() }).value;
}

interface PushedArgs {
  readonly name: ServiceImage;
  readonly build: BuildContext;
  readonly repository: Output<string>;
  readonly login: RegistryLogin;
  readonly place: Pick<AwsPlace, "parent">;
}

/** A tag says the content, and never means another: what was pushed once is not built again. */
function pushed({ name, build: { context, hash }, repository, login, place: { parent } }: PushedArgs): Output<string> {
  const image = new RemoteImage(
    `image-${name}`,
    {
      name: interpolate`${repository}:${hash}`,
      build: { context: contextFolder(context), forceRemove: true, platform: "linux/amd64" },
      keepLocally: false,
    },
    { parent, deleteBeforeReplace: false },
  );
  const there = new RegistryImage(
    // By its content: each push is a resource of its own, made with a login of its own time. The registry's rules say how long an image
    // stays, as a rollback needs those before.
    `image-${name}-${hash}`,
    { name: image.name, keepRemotely: true, authConfig: login, triggers: { hash } },
    // Another login is no other image: without this no preview would ever be empty.
    { parent, ignoreChanges: ["authConfig"] },
  );
  return interpolate`${repository}@${there.sha256Digest}`;
}
