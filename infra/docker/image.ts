import { spawnSync } from "node:child_process";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { RemoteImage } from "@pulumi/docker";
import { getProject, getStack, type CustomResourceOptions, type Output } from "@pulumi/pulumi";
import { IMAGES, readManifest, type ContextManifest, type ImageName } from "../images/contexts.ts";

const root = join(dirname(fileURLToPath(import.meta.url)), "..", "..");

/** The images of a stack, each built by the engine when its content changes and at no other time. */
export type Images = Readonly<Record<ImageName, Output<string>>>;

/**
 * Declares every image. Its name carries the hash of its content, so that the same content is never built or replaced
 * again, whatever the commit; a preview builds nothing.
 *
 * @returns the engine's id (`sha256:...`) of each image
 */
export function buildImages(options: CustomResourceOptions): Images {
  const { images } = contexts();
  const entries = (Object.keys(IMAGES) as ImageName[]).map((name) => {
    const { context, hash } = images[name];
    const image = new RemoteImage(
      `image-${name}`,
      {
        name: `${getProject()}-${getStack()}/${name}:${hash}`,
        build: { context: fromProgram(context), forceRemove: true },
        keepLocally: false,
      },
      // Said outright, as the plugin would delete first: the containers of the release that serves hang on the image.
      { ...options, deleteBeforeReplace: false },
    );
    return [name, image.imageId] as const;
  });
  return Object.fromEntries(entries) as Record<ImageName, Output<string>>;
}

/** The plugin starts in the program's folder; a path from there is the same in every clone. */
function fromProgram(path: string): string {
  return relative(process.cwd(), join(root, path));
}

/** The build contexts, made again first where a source is newer: half a second, and only files below dist/. */
function contexts(): ContextManifest {
  const manifest = readManifest(root);
  if (manifest) return manifest;
  const bundler = spawnSync(process.execPath, [join(root, "infra/images/bundle.ts")], { cwd: root, encoding: "utf8" });
  const made = bundler.status === 0 ? readManifest(root) : undefined;
  if (!made) {
    throw new Error(
      `infra/images: the programs could not be bundled; nothing was changed. \`npm run bundle\` shows the same:\n${bundler.stderr}`,
    );
  }
  return made;
}
