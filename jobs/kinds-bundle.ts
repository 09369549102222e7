import type { Plugin } from "esbuild";
import { dirname } from "node:path";
import { kindNames, kindsFolder } from "./kinds-folder.ts";

/**
 * For esbuild: puts every kind into the bundle. A bundle has no folder to read, so `kinds-folder.ts` is replaced by a module
 * that imports each file of the folder.
 */
export function bundleKinds(folder = kindsFolder()): Plugin {
  return {
    name: "slipway-kinds",
    setup(build) {
      build.onLoad({ filter: /[\\/]jobs[\\/]kinds-folder\.ts$/ }, () => ({
        contents: kindsModule(kindNames(folder)),
        loader: "js",
        resolveDir: dirname(folder),
        watchDirs: [folder],
      }));
    },
  };
}

function kindsModule(names: string[]): string {
  const imports = names.map((name, index) => `import kind${index} from "./kinds/${name}.ts";`);
  const entries = names.map((name, index) => `{ name: ${JSON.stringify(name)}, exported: kind${index} }`);
  return `${imports.join("\n")}\nexport async function loadKindFiles() { return [${entries.join(", ")}]; }\n`;
}
