import { spawnSync } from "node:child_process";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { readManifest, type ContextManifest } from "./contexts.ts";

/** The repository. */
const ROOT = join(dirname(fileURLToPath(import.meta.url)), "..", "..");

/**
 * Path of a build context for Pulumi's Docker plugin, which starts in the program's folder; from there it is the same in every clone.
 *
 * @param context relative to the repository
 */
export function contextFolder(context: string): string {
  return relative(process.cwd(), join(ROOT, context));
}

/** The build contexts, made again first where a source is newer: half a second, and only files below dist/. */
export function readyContexts(): ContextManifest {
  const manifest = readManifest(ROOT);
  if (manifest) return manifest;
  const bundler = spawnSync(process.execPath, [join(ROOT, "infra/images/bundle.ts")], { cwd: ROOT, encoding: "utf8" });
  const made = bundler.status === 0 ? readManifest(ROOT) : undefined;
  if (!made) {
    throw new Error(
      `infra/images: the programs could not be bundled; nothing was changed. \`npm run bundle\` shows the same:\n${bundler.stderr}`,
    );
  }
  return made;
}
