import { createWriteStream, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import type Docker from "dockerode";
import { readyContexts } from "../../infra/images/ready.ts";
import { importedImages as imageNames, PRODUCT_IMAGES, type ProductImages } from "../../infra/kubernetes/images.ts";
import { UserError } from "../command.ts";
import { ROOT } from "../folders.ts";
import type { Report } from "../steps.ts";
import { importedImages, importImages } from "./images.ts";
import type { Layout } from "./layout.ts";

/**
 * Builds the product's images on the Docker engine and brings them to where pods find them. A name says the content: what is there is
 * neither built nor brought again, and pods roll when it changes.
 */
export async function bringProductImages(layout: Layout, docker: Docker, report: Report): Promise<ProductImages> {
  const manifest = readyContexts();
  const there = await importedImages(layout);
  const images = imageNames(manifest);
  for (const name of PRODUCT_IMAGES) {
    const image = images[name];
    if (there.includes(`docker.io/${image}`)) continue;
    report(`${name}: building`);
    await build(docker, image, join(ROOT, manifest.images[name].context));
    report(`${name}: bringing it to the node`);
    await bring(docker, layout, image);
  }
  return images;
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
    // The node has its own: the engine keeps nothing of it.
    await docker.getImage(image).remove();
  } finally {
    rmSync(folder, { recursive: true });
  }
}
