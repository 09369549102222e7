import { z } from "zod";

const TYPE = "docker:index/registryImage:RegistryImage";

const resourceSchema = z.looseObject({
  outputs: z.looseObject({ name: z.string(), sha256Digest: z.string().regex(/^sha256:[0-9a-f]{64}$/) }),
});

/** What a stack has pushed, each named by its digest: `registry/name@sha256:...`. The state keeps the last of each name. */
export function pushedImages(resources: readonly { readonly type: string }[]): readonly string[] {
  const images = resources
    .filter(({ type }) => type === TYPE)
    .map((resource) => {
      const { name, sha256Digest } = resourceSchema.parse(resource).outputs;
      return `${name.replace(/:[^:/]+$/, "")}@${sha256Digest}`;
    });
  return [...new Set(images)].sort();
}
