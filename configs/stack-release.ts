import { z } from "zod";
import { kubernetesSchema } from "./kubernetes-settings.ts";
import type { StackFields } from "./stack-fields.ts";

const image = z.string().regex(/^(sha256:[0-9a-f]{64}|[\w][\w./:@-]+)$/, {
  error: "must be an image: its id (sha256:...) on a Docker engine, its name with a digest in a cluster",
});

/**
 * Images of a release that was deployed before, in place of those of this checkout; `slipway:release` of the stack's file. `slipway rollback`
 * writes it, and the next `slipway deploy` takes it out again.
 */
export const releaseSchema = z.strictObject({ api: image, worker: image });

/** Releases that can be gone back to beside the one that serves: how many of them a Docker engine keeps the images of. */
export const keepReleasesSchema = z.int().min(1).max(20).default(3);

const ID = /^sha256:/;
const DIGEST = /@sha256:[0-9a-f]{64}$/;

/** What is wrong with the images of a release where they are to run: by the path, and what it must be. */
export function releaseFaults({ platform, release, kubernetes }: StackFields): readonly (readonly [string, string])[] {
  const isImported = platform !== "docker" && kubernetes?.importedImages === true;
  const isGood = (name: string) =>
    platform === "docker" ? ID.test(name) : !ID.test(name) && (isImported || DIGEST.test(name));
  const message =
    platform === "docker"
      ? "must be the id of an image on the engine (sha256: and 64 hex digits), where platform is docker"
      : `must be an image's name that ends in its digest (@sha256: and 64 hex digits), where platform is ${platform}`;
  return Object.entries(release ?? {}).flatMap(([name, of]) =>
    isGood(of) ? [] : [[`release.${name}`, message] as const],
  );
}

/** The same stack with the images of its release among those that its cluster is told of; an engine is told by itself. */
export function withRelease<T extends StackFields>(config: T): T {
  const { platform, release, kubernetes = kubernetesSchema.parse({}) } = config;
  if (platform === "docker" || release === undefined) return config;
  return { ...config, kubernetes: { ...kubernetes, images: { ...kubernetes.images, ...release } } };
}
