import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "esbuild";
import { describe, expect, it } from "vitest";
import { bundleOptions, bundlesBeside, writeBundleFiles } from "../infra/images/bundle-options.ts";
import { filesBelow, IMAGES, type ImageName, type ImageSource } from "../infra/images/contexts.ts";
import { ROOT } from "../toolchain/folders.ts";
import { packageFolder, sbomOf } from "./sbom.ts";

/**
 * Packages in what was really written for an image: esbuild leaves a line with the source's path before each module, and files beside the
 * bundles lie in their package's folder. It is another way than the document's, which asks esbuild for its account.
 */
async function packagesWritten(image: ImageName): Promise<string[]> {
  const { bundles = {}, node }: ImageSource = IMAGES[image];
  const outdir = mkdtempSync(join(tmpdir(), "slipway-sbom-"));
  try {
    await build({
      ...bundleOptions(ROOT),
      entryPoints: { ...bundles, ...bundlesBeside(Object.keys(bundles)) },
      outdir,
    });
    await writeBundleFiles(ROOT, Object.keys(bundles), outdir);
    const files = filesBelow(outdir);
    const bundled = files
      .filter((file) => file.endsWith(".mjs") && !file.includes("/node_modules/"))
      .flatMap((file) => [...readFileSync(file, "utf8").matchAll(/^(?:\/\/|\/\*!?) (\S*node_modules\/\S+)/gm)])
      .map(([, path = ""]) => path);
    const beside = files.filter((file) => file.includes("/node_modules/"));
    const assets = readdirSync(outdir).includes("assets") ? ["node_modules/@scalar/fastify-api-reference/x"] : [];
    const folders = [...bundled, ...beside, ...assets].map((path) => packageFolder(path) ?? "");
    const names = folders.map((folder) => folder.slice(folder.lastIndexOf("node_modules/") + 13));
    return [...new Set([...names, ...(node === true ? [`node-linux-${process.arch}`] : [])])].sort();
  } finally {
    rmSync(outdir, { recursive: true });
  }
}

describe("what is in an image", () => {
  it.each(["api", "worker", "backup"] as const)(
    "%s is what was bundled into it, no package more and none less",
    async (image) => {
      const { components } = await sbomOf(image, ROOT);
      const names = components.map(({ group, name }) => (group === undefined ? name : `${group}/${name}`));
      expect([...new Set(names)].sort()).toEqual(await packagesWritten(image));
      expect(names.length).toBeGreaterThan(10);
    },
  );

  it("is told with versions, licences and hashes of the lock file, the same each time", async () => {
    const [first, second] = [await sbomOf("api", ROOT), await sbomOf("api", ROOT)];
    expect(first).toEqual(second);
    const zod = first.components.find(({ name }) => name === "zod");
    expect(zod).toMatchObject({
      type: "library",
      purl: `pkg:npm/zod@${zod?.version ?? ""}`,
      licenses: [{ license: { id: "MIT" } }],
    });
    expect(zod?.hashes?.[0]?.content).toMatch(/^[0-9a-f]{128}$/);
    expect(first.components.find(({ group }) => group === "@fastify")?.purl).toMatch(/^pkg:npm\/%40fastify\//);
  });

  it("is nothing of npm's in an image without a program of ours", async () => {
    expect((await sbomOf("edge", ROOT)).components).toEqual([]);
  });
});

it("a package is known by its folder, however deep", () => {
  expect(packageFolder("node_modules/a/node_modules/@b/c/dist/x.js")).toBe("node_modules/a/node_modules/@b/c");
  expect(packageFolder("app/main.ts")).toBeUndefined();
});
