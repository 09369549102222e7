import { readFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";
import { z } from "zod";
import { bundleOptions, bundlesBeside } from "../infra/images/bundle-options.ts";
import { IMAGES, type ImageName, type ImageSource } from "../infra/images/contexts.ts";

/** Packages of which files lie beside the bundles, by the program that reads them; bundle-options.ts puts them there. */
const BESIDE: Readonly<Record<string, readonly string[]>> = {
  api: ["@scalar/fastify-api-reference"],
  place: ["onnxruntime-node", "onnxruntime-common"],
};

/** A package of npm in an image, with what CycloneDX 1.6 says of one. */
export interface Component {
  readonly type: "library" | "application";
  readonly "bom-ref": string;
  readonly group?: string;
  readonly name: string;
  readonly version: string;
  readonly purl: string;
  readonly licenses?: readonly { readonly license: { readonly id: string } }[];
  readonly hashes?: readonly { readonly alg: "SHA-512"; readonly content: string }[];
}

/** What is in an image of npm's: a CycloneDX document. The same sources give the same one; it has no time and no number. */
export interface Sbom {
  readonly bomFormat: "CycloneDX";
  readonly specVersion: "1.6";
  readonly version: 1;
  readonly metadata: { readonly component: { readonly type: "container"; readonly name: string } };
  readonly components: readonly Component[];
}

const lockSchema = z.object({
  packages: z.record(
    z.string(),
    z.looseObject({ version: z.string().optional(), license: z.string().optional(), integrity: z.string().optional() }),
  ),
});
type Lock = z.infer<typeof lockSchema>;

/**
 * What esbuild bundled for an image, by its own account of its inputs, with what lies beside, and Node itself. Debian's packages are not in
 * it: a scanner of the image reads those.
 *
 * @param root the checkout, with its packages
 */
export async function sbomOf(image: ImageName, root: string): Promise<Sbom> {
  const { node = false, bundles = {} }: ImageSource = IMAGES[image];
  const programs = Object.keys(bundles);
  const beside = programs.flatMap((program) => BESIDE[program] ?? []);
  const folders = new Set([
    ...(await bundledFolders({ ...bundles, ...bundlesBeside(programs) }, root)),
    ...beside.map((name) => `node_modules/${name}`),
    ...(node ? [`node_modules/node-linux-${process.arch}`] : []),
  ]);
  const lock = lockSchema.parse(JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")));
  const components = [...folders].map((folder) => componentOf(folder, lock));
  const found = new Map(components.map((component) => [component.purl, component]));
  return {
    ...{ bomFormat: "CycloneDX", specVersion: "1.6", version: 1 },
    metadata: { component: { type: "container", name: `slipway/${image}` } },
    components: [...found.values()].sort((a, b) => (a.purl < b.purl ? -1 : 1)),
  };
}

/** Folders of packages from which something is in the bundles. */
async function bundledFolders(entryPoints: Record<string, string>, root: string): Promise<readonly string[]> {
  if (Object.keys(entryPoints).length === 0) return [];
  const { metafile } = await build({
    ...{ ...bundleOptions(root), entryPoints, outdir: "dist/sbom", write: false, metafile: true },
  });
  const inputs = Object.values(metafile.outputs).flatMap((output) =>
    Object.entries(output.inputs).flatMap(([path, { bytesInOutput }]) => (bytesInOutput > 0 ? [path] : [])),
  );
  return inputs.flatMap((path) => packageFolder(path) ?? []);
}

/** `node_modules/a/node_modules/@b/c` of a file in it; `undefined` for our own sources. */
export function packageFolder(path: string): string | undefined {
  return /^.*?(node_modules\/(?:.*\/node_modules\/)?(?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1];
}

function componentOf(folder: string, { packages }: Lock): Component {
  const locked = Object.hasOwn(packages, folder) ? packages[folder] : undefined;
  const path = folder.slice(folder.lastIndexOf("node_modules/") + "node_modules/".length);
  if (locked?.version === undefined)
    throw new Error(`${folder} is bundled and not in package-lock.json; its version is not known. Run: npm ci`);
  const [, group, name = path] = /^(@[^/]+)\/(.+)$/.exec(path) ?? [];
  const purl = `pkg:npm/${path.replace("@", "%40")}@${locked.version}`;
  return {
    ...{ type: path.startsWith("node-linux-") ? "application" : "library", "bom-ref": purl },
    ...(group === undefined ? {} : { group }),
    ...{ name, version: locked.version, purl },
    ...(locked.license === undefined ? {} : { licenses: [{ license: { id: locked.license } }] }),
    ...hashOf(locked.integrity),
  };
}

/** npm writes it in base64, CycloneDX in hex. */
function hashOf(integrity = ""): Pick<Component, "hashes"> {
  const [, base64] = /^sha512-(\S+)/.exec(integrity) ?? [];
  if (base64 === undefined) return {};
  return { hashes: [{ alg: "SHA-512", content: Buffer.from(base64, "base64").toString("hex") }] };
}
