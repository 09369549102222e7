import { cpSync } from "node:fs";
import { build, type BuildOptions, type Plugin } from "esbuild";
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
    plugins: [bundleKinds(), besideTheBundle],
    // Native: it lies beside the bundle, see copyOnnxRuntime.
    external: ["onnxruntime-node"],
    // Packages that are still CommonJS ask for `require`, which an ES module does not have.
    banner: {
      js: 'import { createRequire as requireFrom } from "node:module"; const require = requireFrom(import.meta.url);',
    },
  };
}

/** AWS's client: loaded where artifacts lie in S3, and by nobody else. Else every program would read it at its start. */
const S3_STORE = "objects-s3";

const besideTheBundle: Plugin = {
  name: "beside-the-bundle",
  setup: (bundler) => {
    bundler.onResolve({ filter: new RegExp(`/${S3_STORE}\\.ts$`) }, ({ kind }) =>
      kind === "dynamic-import" ? { path: `./${S3_STORE}.mjs`, external: true } : undefined,
    );
  },
};

/** Files that the programs read beside themselves, put into the bundle's folder. */
export async function writeBundleFiles(root: string, programs: readonly string[], outdir: string): Promise<void> {
  if (programs.includes("migrate"))
    cpSync(join(root, "jobs/migrations"), join(outdir, "migrations"), { recursive: true });
  if (programs.includes("api")) await writeAssets(outdir);
  if (programs.includes("place")) copyOnnxRuntime(root, outdir);
  const entryPoints = bundlesBeside(programs);
  if (Object.keys(entryPoints).length > 0) await build({ ...bundleOptions(root), entryPoints, outdir });
}

/** What programs load only when they need it: file name, and where it begins. */
export function bundlesBeside(programs: readonly string[]): Record<string, string> {
  const isNeeded = ["api", "worker", "backup"].some((program) => programs.includes(program));
  return isNeeded ? { [S3_STORE]: `jobs/${S3_STORE}.ts` } : {};
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
