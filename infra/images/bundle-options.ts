import type { BuildOptions } from "esbuild";
import { join } from "node:path";
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
    minify: true,
    keepNames: true,
    legalComments: "none",
    logLevel: "warning",
    plugins: [bundleKinds()],
    // Packages that are still CommonJS ask for `require`, which an ES module does not have.
    banner: { js: 'import { createRequire as $r } from "node:module"; const require = $r(import.meta.url);' },
  };
}

/** Files that a program reads beside itself: from, and to below the bundle's folder. */
export function bundleFiles(root: string, entryPoints: Readonly<Record<string, string>>): [string, string][] {
  return "migrate" in entryPoints ? [[join(root, "jobs/migrations"), "migrations"]] : [];
}
