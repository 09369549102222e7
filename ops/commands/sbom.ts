import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { EXIT } from "../../backup/protocol.ts";
import { IMAGES, type ImageName } from "../../infra/images/contexts.ts";
import { findFolders } from "../../toolchain/folders.ts";
import { givenPath } from "../given-path.ts";
import { counted } from "../quantities.ts";
import { runOps } from "../run-ops.ts";
import { sbomOf } from "../sbom.ts";

export function run(): Promise<void> {
  return runOps({
    name: "sbom",
    platforms: ["docker", "kubernetes", "aws"],
    summary:
      "writes what is in our images of npm's: a CycloneDX document for each, of what esbuild bundled, what lies beside it, and Node.",
    options: { to: { type: "string", default: "dist/sbom" } },
    optionLines: ["--to FOLDER    default dist/sbom of the checkout"],
    examples: ["./slipway sbom", "./slipway sbom --to sbom --json"],
    run: async ({ values, steps }) => {
      const { root } = findFolders();
      const folder = values.to === "dist/sbom" ? join(root, values.to) : givenPath(values.to);
      mkdirSync(folder, { recursive: true });
      const written: { readonly file: string; readonly components: number }[] = [];
      for (const image of Object.keys(IMAGES) as ImageName[]) {
        const sbom = await steps.run(image, () => sbomOf(image, root));
        const file = join(folder, `${image}.cdx.json`);
        writeFileSync(file, `${JSON.stringify(sbom, null, 2)}\n`);
        written.push({ file, components: sbom.components.length });
      }
      const text = written.map(({ file, components }) => `${file}: ${counted(components, "component")}\n`).join("");
      return { code: EXIT.good, result: { written }, text };
    },
  });
}
