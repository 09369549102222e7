import type Docker from "dockerode";
import type { ReleaseImages } from "../deployment/deployments-log.ts";
import { ignoringAbsent } from "../engine-answers.ts";
import { PROJECT } from "../stack.ts";

/** Tags that hold the images of releases on an engine: Pulumi takes away its own with the next release. */
const KEPT = "kept-";

const repository = (stack: string, name: string) => `${PROJECT}-${stack}/${name}`;

/** Keeps the images of these releases, and lets go of those of all others of the stack. */
export async function keepImages(docker: Docker, stack: string, releases: readonly ReleaseImages[]): Promise<void> {
  const wanted = new Map<string, string>();
  for (const images of releases)
    for (const [name, id] of Object.entries(images))
      wanted.set(`${repository(stack, name)}:${KEPT}${id.replace("sha256:", "").slice(0, 12)}`, id);
  for (const [tag, id] of wanted) {
    const [repo = "", label = ""] = tag.split(":");
    await ignoringAbsent(docker.getImage(id).tag({ repo, tag: label }));
  }
  const listed = await docker.listImages({ filters: { reference: [repository(stack, "*")] } });
  const tags = listed.flatMap(({ RepoTags }) => RepoTags ?? []);
  for (const tag of tags)
    if (tag.includes(`:${KEPT}`) && !wanted.has(tag)) await ignoringAbsent(docker.getImage(tag).remove());
}

/** Whether an engine has all images of a release. */
export async function hasImages(docker: Docker, images: ReleaseImages): Promise<boolean> {
  const there = await Promise.all(Object.values(images).map((id) => ignoringAbsent(docker.getImage(id).inspect())));
  return there.every((found) => found !== undefined);
}
