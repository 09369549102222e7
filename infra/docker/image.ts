import { RemoteImage } from "@pulumi/docker";
import { getProject, getStack, interpolate, output, type ComponentResource, type Output } from "@pulumi/pulumi";
import { RandomId } from "@pulumi/random";
import { IMAGES, type BuildContext, type ImageName } from "../images/contexts.ts";
import { contextFolder, readyContexts } from "../images/ready.ts";

/** The image of the agent, which a stack that makes no backups does not have. */
const AGENT = "backup" satisfies ImageName;

/** The images of a stack, each built by the engine when its content changes and at no other time. */
export type Images = Readonly<Record<Exclude<ImageName, typeof AGENT>, Output<string>>> &
  Readonly<Partial<Record<typeof AGENT, Output<string>>>>;

/** What is built, and what is there already. */
export interface BuildArgs {
  readonly hasBackups: boolean;
  /** Ids of images that a release of before runs from: they are taken as they are. @default all are built */
  readonly release?: Partial<Record<ImageName, string>> | undefined;
  readonly parent: ComponentResource;
}

/**
 * Declares every image; that of the backup agent where there are backups. Its name carries the hash of its content, so that the same content is never built or replaced
 * again, whatever the commit; a preview builds nothing.
 *
 * @returns the engine's id (`sha256:...`) of each image
 */
export function buildImages({ hasBackups, release = {}, parent }: BuildArgs): Images {
  const { images } = readyContexts();
  const names = (Object.keys(IMAGES) as ImageName[]).filter((name) => hasBackups || name !== AGENT);
  const imageOf = (name: ImageName) => {
    const there = release[name];
    return there === undefined ? buildImage(name, images[name], parent) : output(there);
  };
  return Object.fromEntries(names.map((name) => [name, imageOf(name)])) as Images;
}

function buildImage(name: ImageName, { context, hash }: BuildContext, parent: ComponentResource): Output<string> {
  // Going back to an earlier content while its image waits to be deleted must not give both one tag: deleting the
  // first would take the second away.
  const build = new RandomId(`image-${name}`, { byteLength: 3, keepers: { hash } }, { parent });
  const image = new RemoteImage(
    `image-${name}`,
    {
      name: interpolate`${getProject()}-${getStack()}/${name}:${hash}-${build.hex}`,
      build: { context: contextFolder(context), forceRemove: true },
      keepLocally: false,
    },
    // Said outright, as the plugin would delete first: the containers of the release that serves hang on the image.
    { parent, deleteBeforeReplace: false },
  );
  return image.imageId;
}
