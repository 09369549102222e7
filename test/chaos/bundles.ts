import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "esbuild";
import { bundleOptions, writeBundleFiles } from "../../infra/images/bundle-options.ts";
import { bundleKinds } from "../../jobs/kinds-bundle.ts";
import { PROGRAMS, type Bundles } from "../servers/bundles.ts";
import { ROOT } from "../../toolchain/folders.ts";
import { chaosSources } from "./crash-plugin.ts";
import { mutatorOf } from "./mutants.ts";

/** The programs as images hold them, but with the kinds of this folder, with crash points, and as a mutant where one is named. */
export async function bundleForChaos(mutant: string | undefined): Promise<Bundles> {
  const folder = mkdtempSync(join(tmpdir(), "slipway-chaos-bundles-"));
  // esbuild takes the first plugin that answers.
  const plugins = [bundleKinds(join(import.meta.dirname, "kinds")), chaosSources(mutatorOf(mutant))];
  await build({ ...bundleOptions(ROOT), plugins, entryPoints: { ...PROGRAMS }, outdir: folder });
  await writeBundleFiles(ROOT, Object.keys(PROGRAMS), folder);
  return {
    folder,
    path: (program) => join(folder, `${program}.mjs`),
    remove: () => {
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
