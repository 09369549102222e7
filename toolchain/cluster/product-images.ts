import { createWriteStream, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import type Docker from "dockerode";
import { readManifest, type ImageName } from "../../infra/images/contexts.ts";
import { runCommand, UserError } from "../command.ts";
import type { Report } from "../steps.ts";
import { importedImages, importImages } from "./images.ts";
import type { Layout } from "./layout.ts";

/** Images that the platform `kubernetes` runs; it has no edge of its own. */
export const PRODUCT_IMAGES = ["api", "worker", "postgres", "redis"] as const satisfies readonly ImageName[];

/** Names of images by what is in them, as a stack's file has them below `slipway:kubernetes`. */
export type ProductImages = Readonly<Record<(typeof PRODUCT_IMAGES)[number], string>>;

/**
 * Builds the product's images on the Docker engine and brings them to where pods find them. A name says the content: what is there is
 * neither built nor brought again, and pods roll when it changes.
 *
 * @param root of the checkout
 */
export async function bringProductImages(
  layout: Layout,
  root: string,
  docker: Docker,
  report: Report,
): Promise<ProductImages> {
  if (!readManifest(root)) await runCommand(process.execPath, [join(root, "infra/images/bundle.ts")], { cwd: root });
  const manifest = readManifest(root);
  if (!manifest)
    throw new Error("infra/images/bundle.ts wrote no contexts; run it by itself to see why: npm run bundle");
  const there = await importedImages(layout);
  const names = PRODUCT_IMAGES.map((name) => [name, `slipway/${name}:${manifest.images[name].hash}`] as const);
  for (const [name, image] of names) {
    if (there.includes(`docker.io/${image}`)) continue;
    report(`${name}: building`);
    await build(docker, image, join(root, manifest.images[name].context));
    report(`${name}: bringing it to the node`);
    await bring(docker, layout, image);
  }
  return Object.fromEntries(names) as ProductImages;
}

/** By BuildKit, which our Dockerfiles need; the engine has it even where its command lacks it. */
async function build(docker: Docker, image: string, context: string): Promise<void> {
  const stream = await docker.buildImage({ context, src: readdirSync(context) }, { t: image, version: "2" });
  const said = await new Promise<readonly { readonly error?: string }[]>((resolve, reject) => {
    docker.modem.followProgress(stream, (error: Error | null, output: { error?: string }[]) => {
      if (error) reject(error);
      else resolve(output);
    });
  });
  const fault = said.find(({ error }) => error !== undefined)?.error;
  if (fault !== undefined) throw new UserError(`${context}: the image could not be built: ${fault}`);
}

async function bring(docker: Docker, layout: Layout, image: string): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "slipway-image-"));
  try {
    const archive = join(folder, "image.tar");
    await pipeline(await docker.getImage(image).get(), createWriteStream(archive));
    await importImages(layout, archive);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
