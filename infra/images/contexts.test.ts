import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { bundleOptions } from "./bundle-options.ts";
import { filesBelow, hashSources, IMAGES, manifestPath, readManifest, SOURCES, type ImageSource } from "./contexts.ts";

let root = "";
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "slipway-contexts-"));
  write("app/main.ts", "main");
  write("app/routes/jobs.ts", "jobs");
  write("infra/images/api/Dockerfile", "FROM scratch");
  write("package-lock.json", "{}");
});
afterEach(() => {
  rmSync(root, { recursive: true, force: true });
});

function write(path: string, text: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
}

describe("hashSources", () => {
  it("is the same for the same sources, in whatever folder they lie", () => {
    const before = hashSources(root);
    expect(hashSources(root)).toBe(before);
    const elsewhere = `${root}-moved`;
    renameSync(root, elsewhere);
    root = elsewhere;
    expect(hashSources(root)).toBe(before);
  });

  it.each([
    ["a test", "app/main.test.ts"],
    ["a test of a page", "app/routes/page.test.tsx"],
    ["documentation", "docs/jobs.md"],
    ["the platform", "infra/docker/platform.ts"],
    ["the toolchain", "toolchain/up.ts"],
    ["what was built", "dist/images/api/Dockerfile"],
  ])("does not change with %s", (_what, path) => {
    const before = hashSources(root);
    write(path, "anything");
    expect(hashSources(root)).toBe(before);
  });

  it.each([
    ["a source", "app/routes/jobs.ts"],
    ["a Dockerfile", "infra/images/api/Dockerfile"],
    ["the lock file", "package-lock.json"],
    ["a new source", "jobs/migrations/0002-more.sql"],
    ["a new file of a name that only looks like a test", "worker/test.ts"],
  ])("changes with %s", (_what, path) => {
    const before = hashSources(root);
    write(path, "changed");
    expect(hashSources(root)).not.toBe(before);
  });

  it("changes with a file's name, and with where one file ends and the next begins", () => {
    const before = hashSources(root);
    renameSync(join(root, "app/main.ts"), join(root, "app/name.ts"));
    const renamed = hashSources(root);
    expect(renamed).not.toBe(before);
    write("app/name.ts", "mai");
    write("app/routes/jobs.ts", "njobs");
    expect(hashSources(root)).not.toBe(renamed);
  });
});

describe("filesBelow", () => {
  it("lists every file in a stable order, a file as itself, and nothing where nothing is", () => {
    write("app/a.ts", "");
    expect(filesBelow(join(root, "app"))).toEqual(
      ["a.ts", "main.ts", "routes/jobs.ts"].map((f) => join(root, "app", f)),
    );
    expect(filesBelow(join(root, "package-lock.json"))).toEqual([join(root, "package-lock.json")]);
    expect(filesBelow(join(root, "nowhere"))).toEqual([]);
  });
});

describe("readManifest", () => {
  it("gives the built contexts until a source is newer", () => {
    expect(readManifest(root)).toBeUndefined();
    const manifest = { sources: hashSources(root), images: { api: { context: "dist/images/api", hash: "0123" } } };
    mkdirSync(dirname(manifestPath(root)));
    writeFileSync(manifestPath(root), JSON.stringify(manifest));
    expect(readManifest(root)).toEqual(manifest);
    write("app/main.ts", "newer");
    expect(readManifest(root)).toBeUndefined();
  });
});

/** Sources of ours that programs are bundled from. */
async function sourcesOf(...programs: ImageSource[]): Promise<readonly string[]> {
  const repository = join(dirname(fileURLToPath(import.meta.url)), "..", "..");
  const entryPoints = Object.assign({}, ...programs.map(({ bundles }) => bundles ?? {})) as Record<string, string>;
  const { metafile } = await build({
    ...bundleOptions(repository),
    entryPoints,
    outdir: root,
    write: false,
    metafile: true,
  });
  return Object.keys(metafile.inputs).filter((path) => !path.includes("node_modules/") && !path.includes(":"));
}

it("counts everything that the programs are bundled from as a source", async () => {
  const own = await sourcesOf(...Object.values(IMAGES));
  expect(own).toContain("app/main.ts");
  expect(own.filter((path) => !SOURCES.some((source) => path.startsWith(`${source}/`)))).toEqual([]);
});

it("has nothing in the agent of backups that changes with a migration or a version: in a cluster Postgres would start anew with it", async () => {
  const own = await sourcesOf(IMAGES.backup);
  expect(own).toContain("backup/main.ts");
  expect(
    own.filter((path) => /^jobs\/(schema-level|migrations\/)|^app\/|^jobs\/kinds\/(?!sum\.ts)/.test(path)),
  ).toEqual([]);
});
