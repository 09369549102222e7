import { cpSync } from "node:fs";
import type { BuildOptions } from "esbuild";
import { join } from "node:path";
import { writeAssets } from "../../app/assets.ts";
import { bundleKinds } from "../../jobs/kinds-bundle.ts";

/**
 * How the programs are bundled: one ESM file each, no sources of this machine's paths in it.
 *
 * @param root the repository's folder
 */
export function bundleOptions(root: string): BuildOptions {
  return {
    absWorkingDir: root,
    bundle: true,
    platform: "node",
    target: "node24",
    format: "esm",
    outExtension: { ".js": ".mjs" },
    legalComments: "none",
    logLevel: "warning",
    plugins: [bundleKinds()],
    // Native: it lies beside the bundle, see copyOnnxRuntime.
    external: ["onnxruntime-node"],
    // Packages that are still CommonJS ask for `require`, which an ES module does not have.
    banner: {
      js: 'import { createRequire as requireFrom } from "node:module"; const require = requireFrom(import.meta.url);',
    },
  };
}

/** Files that the programs read beside themselves, put into the bundle's folder. */
export async function writeBundleFiles(root: string, programs: readonly string[], outdir: string): Promise<void> {
  if (programs.includes("migrate"))
    cpSync(join(root, "jobs/migrations"), join(outdir, "migrations"), { recursive: true });
  if (programs.includes("api")) await writeAssets(outdir);
  if (programs.includes("place")) copyOnnxRuntime(root, outdir);
}

/** What of ONNX Runtime one machine needs at run time: its scripts and the library of this processor, some 46 MB. */
function copyOnnxRuntime(root: string, outdir: string): void {
  for (const part of [
    "onnxruntime-node/package.json",
    "onnxruntime-node/dist",
    `onnxruntime-node/bin/napi-v6/linux/${process.arch}`,
    "onnxruntime-common/package.json",
    "onnxruntime-common/dist/cjs",
  ]) {
    const path = join("node_modules", part);
    cpSync(join(root, path), join(outdir, path), {
      recursive: true,
      filter: (file) => !/\.(d\.ts|map)$/.test(file),
    });
  }
}
