import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { bundleOptions, writeBundleFiles } from "../../infra/images/bundle-options.ts";
import { IMAGES } from "../../infra/images/contexts.ts";

const root = join(dirname(fileURLToPath(import.meta.url)), "..", "..");

/** The programs, as images hold them. */
export const PROGRAMS = { ...IMAGES.api.bundles, ...IMAGES.worker.bundles } as const;

/** Bundles in a folder that no node_modules is above of. */
export interface Bundles {
  readonly folder: string;
  path(program: keyof typeof PROGRAMS): string;
  remove(): void;
}

/** Bundles every program with the options of the images, and puts what they read beside them. */
export async function bundlePrograms(): Promise<Bundles> {
  const folder = mkdtempSync(join(tmpdir(), "slipway-bundles-"));
  await build({ ...bundleOptions(root), entryPoints: { ...PROGRAMS }, outdir: folder });
  await writeBundleFiles(root, Object.keys(PROGRAMS), folder);
  return {
    folder,
    path: (program) => join(folder, `${program}.mjs`),
    remove: () => {
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
