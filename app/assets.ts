import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { fastify } from "fastify";

/** Folder of the assets, beside the API's bundle. */
export const ASSETS_FOLDER = "assets";

/** Files that the API serves and that its bundle does not hold: name, and what makes its content. */
export const ASSETS = {
  /** The browser side of the docs page, compressed: it is served as it lies there. */
  "scalar.js.gz": makeScalar,
} as const satisfies Record<string, () => Promise<Buffer>>;

export type AssetName = keyof typeof ASSETS;

/** For the bundler: writes every asset into `<folder>/assets`. The same packages give the same bytes. */
export async function writeAssets(folder: string): Promise<void> {
  await mkdir(join(folder, ASSETS_FOLDER), { recursive: true });
  for (const [name, make] of Object.entries(ASSETS)) await writeFile(join(folder, ASSETS_FOLDER, name), await make());
}

/** The package holds its browser script as a string that only its own route gives out. */
async function makeScalar(): Promise<Buffer> {
  const { default: scalar } = await import("@scalar/fastify-api-reference");
  const app = fastify();
  await app.register(scalar, { routePrefix: "/docs", configuration: { content: { openapi: "3.1.0" } } });
  const script = await app.inject("/docs/js/scalar.js");
  await app.close();
  if (script.statusCode !== 200)
    throw new Error(`the docs page's script: got status ${script.statusCode}, expected 200`);
  return gzipSync(script.rawPayload, { level: 9 });
}
