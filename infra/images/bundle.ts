/**
 * Makes the build context of every image below `dist/images`: its Dockerfile and files, the esbuild bundles of its
 * programs, and the Node binary of the lock file. Deterministic: the same sources give the same bytes. The version and
 * the commit are labels in the last lines of the Dockerfile and stay out of the hash, so that a commit that changes no
 * content rebuilds nothing.
 *
 *     node infra/images/bundle.ts
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  copyFileSync,
  cpSync,
  linkSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import {
  CONTEXTS,
  filesBelow,
  hashSources,
  IMAGES,
  manifestPath,
  type BuildContext,
  type ContextManifest,
  type ImageName,
  type ImageSource,
} from "./contexts.ts";
import { bundleOptions, writeBundleFiles } from "./bundle-options.ts";

const root = join(dirname(fileURLToPath(import.meta.url)), "..", "..");

async function main(): Promise<void> {
  const sources = hashSources(root);
  const names = Object.keys(IMAGES) as ImageName[];
  const contexts = await Promise.all(names.map(async (name) => [name, await makeContext(name)] as const));
  const manifest: ContextManifest = {
    sources,
    images: Object.fromEntries(contexts) as Record<ImageName, BuildContext>,
  };
  // Written last and at once: a killed bundler leaves no manifest that speaks of half a context.
  const path = manifestPath(root);
  writeFileSync(`${path}.new`, `${JSON.stringify(manifest, null, 2)}\n`);
  renameSync(`${path}.new`, path);
}

async function makeContext(name: ImageName): Promise<BuildContext> {
  const source: ImageSource = IMAGES[name];
  const context = join(CONTEXTS, name);
  const folder = join(root, context);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  cpSync(join(root, "infra/images", name), folder, { recursive: true });
  for (const file of source.shared ?? []) copyFileSync(join(root, "infra/images", file), join(folder, file));
  if (source.bundles) await bundle(source.bundles, join(folder, "app"));
  const hash = hashContext(folder, source.node === true ? nodeVersion() : undefined);
  if (source.node === true) linkNode(join(folder, "node"));
  appendLabels(join(folder, "Dockerfile"));
  return { context, hash };
}

async function bundle(entryPoints: Readonly<Record<string, string>>, outdir: string): Promise<void> {
  await build({ ...bundleOptions(root), entryPoints: { ...entryPoints }, outdir });
  await writeBundleFiles(root, Object.keys(entryPoints), outdir);
}

function hashContext(folder: string, node: string | undefined): string {
  const hash = createHash("sha256").update(node ?? "");
  for (const file of filesBelow(folder)) {
    const mode = (statSync(file).mode & 0o111) === 0 ? "-" : "x";
    hash
      .update(`${relative(folder, file)}\0${mode}\0`)
      .update(readFileSync(file))
      .update("\0");
  }
  return hash.digest("hex").slice(0, 16);
}

/** The binary is named by its package's version: hashing its 120 MB would take longer than all the rest. */
function nodeVersion(): string {
  const { version } = createRequire(import.meta.url)(`${nodePackage()}/package.json`) as { version: string };
  return `${nodePackage()}@${version}`;
}

function nodePackage(): string {
  return `node-linux-${process.arch}`;
}

function linkNode(to: string): void {
  const from = join(root, "node_modules", nodePackage(), "bin/node");
  try {
    linkSync(from, to);
  } catch {
    copyFileSync(from, to);
  }
}

function appendLabels(dockerfile: string): void {
  const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { version: string };
  const labels = `\nLABEL org.opencontainers.image.version="${version}" org.opencontainers.image.revision="${commit()}"\n`;
  writeFileSync(dockerfile, readFileSync(dockerfile, "utf8") + labels);
}

function commit(): string {
  const git = spawnSync("git", ["describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"], {
    cwd: root,
    encoding: "utf8",
  });
  return git.status === 0 ? git.stdout.trim() : "unknown";
}

await main();
