import { spawnSync } from "node:child_process";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { RemoteImage } from "@pulumi/docker";
import { getProject, getStack, interpolate, type ComponentResource, type Output } from "@pulumi/pulumi";
import { RandomId } from "@pulumi/random";
import { IMAGES, readManifest, type BuildContext, type ContextManifest, type ImageName } from "../images/contexts.ts";

const root = join(dirname(fileURLToPath(import.meta.url)), "..", "..");

/** The images of a stack, each built by the engine when its content changes and at no other time. */
export type Images = Readonly<Record<ImageName, Output<string>>>;

/**
 * Declares every image. Its name carries the hash of its content, so that the same content is never built or replaced
 * again, whatever the commit; a preview builds nothing.
 *
 * @returns the engine's id (`sha256:...`) of each image
 */
export function buildImages(parent: ComponentResource): Images {
  const { images } = contexts();
  const entries = (Object.keys(IMAGES) as ImageName[]).map((name) => [name, buildImage(name, images[name], parent)]);
  return Object.fromEntries(entries) as Record<ImageName, Output<string>>;
}

function buildImage(name: ImageName, { context, hash }: BuildContext, parent: ComponentResource): Output<string> {
  // Going back to an earlier content while its image waits to be deleted must not give both one tag: deleting the
  // first would take the second away.
  const build = new RandomId(`image-${name}`, { byteLength: 3, keepers: { hash } }, { parent });
  const image = new RemoteImage(
    `image-${name}`,
    {
      name: interpolate`${getProject()}-${getStack()}/${name}:${hash}-${build.hex}`,
      build: { context: fromProgram(context), forceRemove: true },
      keepLocally: false,
    },
    // Said outright, as the plugin would delete first: the containers of the release that serves hang on the image.
    { parent, deleteBeforeReplace: false },
  );
  return image.imageId;
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
