import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build, type Plugin } from "esbuild";
import { bundleOptions, writeBundleFiles } from "../infra/images/bundle-options.ts";
import { kindNames, kindsFolder } from "../jobs/kinds-folder.ts";
import { PROGRAMS, type Bundles } from "../test/servers/bundles.ts";
import { ROOT } from "../toolchain/folders.ts";
import { BENCH } from "./install.ts";

/** The programs as images hold them, and the kind `bench-stamp` beside the others. */
export async function bundleWithStamp(): Promise<Bundles> {
  const folder = mkdtempSync(join(tmpdir(), "slipway-bench-bundles-"));
  const options = bundleOptions(ROOT);
  const plugins = [kindsAndStamp(), ...(options.plugins ?? [])];
  await build({ ...options, plugins, entryPoints: { ...PROGRAMS }, outdir: folder });
  await writeBundleFiles(ROOT, Object.keys(PROGRAMS), folder);
  return {
    folder,
    path: (program) => join(folder, `${program}.mjs`),
    remove: () => {
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Stands before the images' own plugin of the same purpose; esbuild takes the first that answers. */
function kindsAndStamp(): Plugin {
  const folder = kindsFolder();
  const files = [
    ...kindNames(folder).map((name) => ({ name, path: join(folder, `${name}.ts`) })),
    { name: "bench-stamp", path: join(BENCH, "kinds", "bench-stamp.ts") },
  ];
  const imports = files.map(({ path }, index) => `import kind${index} from ${JSON.stringify(path)};`);
  const entries = files.map(({ name }, index) => `{ name: ${JSON.stringify(name)}, exported: kind${index} }`);
  return {
    name: "slipway-bench-kinds",
    setup(build) {
      build.onLoad({ filter: /[\\/]jobs[\\/]kinds-folder\.ts$/ }, () => ({
        contents: `${imports.join("\n")}\nexport async function loadKindFiles() { return [${entries.join(", ")}]; }\n`,
        loader: "js",
        resolveDir: folder,
      }));
    },
  };
}
