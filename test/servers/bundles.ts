import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build, type Plugin } from "esbuild";
import { writeAssets } from "../../app/assets.ts";
import { bundleKinds } from "../../jobs/kinds-bundle.ts";

const root = join(dirname(fileURLToPath(import.meta.url)), "..", "..");

/** The programs, as images hold them. */
export const PROGRAMS = {
  api: "app/main.ts",
  worker: "worker/main.ts",
  migrate: "jobs/migrate.ts",
  healthcheck: "jobs/healthcheck.ts",
} as const;

/** Bundles in a folder that no node_modules is above of. */
export interface Bundles {
  readonly folder: string;
  path(program: keyof typeof PROGRAMS): string;
  remove(): void;
}

/** Bundles every program as the images have them: one file each, with migrations and assets beside. */
export async function bundlePrograms(kinds: Plugin = bundleKinds()): Promise<Bundles> {
  const folder = mkdtempSync(join(tmpdir(), "slipway-bundles-"));
  await build({
    absWorkingDir: root,
    entryPoints: { ...PROGRAMS },
    outdir: folder,
    outExtension: { ".js": ".mjs" },
    bundle: true,
    minify: true,
    keepNames: true,
    platform: "node",
    target: "node24",
    format: "esm",
    logLevel: "error",
    plugins: [kinds],
    // A name that no minifier makes: a short one collides in large bundles.
    banner: {
      js: 'import { createRequire as slipwayCreateRequire } from "node:module"; const require = slipwayCreateRequire(import.meta.url);',
    },
  });
  cpSync(join(root, "jobs/migrations"), join(folder, "migrations"), { recursive: true });
  await writeAssets(folder);
  return {
    folder,
    path: (program) => join(folder, `${program}.mjs`),
    remove: () => {
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
