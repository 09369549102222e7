import { cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { tmpdir } from "node:os";
import { fileURLToPath, pathToFileURL } from "node:url";
import { build } from "esbuild";
import { afterEach, describe, expect, it } from "vitest";
import { z } from "zod";
import { defineKind, PermanentFailure, type AnyKind, type JobContext } from "./kind.ts";
import { kindNames, kindsFolder, loadKindFiles } from "./kinds-folder.ts";
import { bundleKinds } from "./kinds-bundle.ts";
import { loadKinds } from "./registry.ts";
import { createTestLog } from "../test/servers/stack.ts";

const jobs = dirname(fileURLToPath(import.meta.url));

const context: JobContext = {
  jobId: "1",
  attempt: 1,
  signal: new AbortController().signal,
  log: createTestLog().log,
  engines: { speech: { name: "none", speak: async () => new Uint8Array(), check: async () => undefined } },
  saveArtifact: async () => undefined,
  progress: () => undefined,
  members: async function* () {
    // Aggregates none.
  },
  readArtifact: async () => Promise.reject(new Error("nothing to read")),
};

const good = {
  name: "double",
  params: z.strictObject({ n: z.number() }),
  result: z.number(),
  queue: "default",
  retry: { maxAttempts: 1, delayMs: 0 },
  timeoutMs: 1000,
  handler: async (_: JobContext, { n }: { n: number }) => n * 2,
} as const;

describe("defineKind", () => {
  it("checks parameters and results", async () => {
    const kind = defineKind(good);
    expect(await kind.perform(context, { n: 2 })).toBe(4);
    await expect(kind.perform(context, { n: "2" })).rejects.toThrow(PermanentFailure);
    const liar = defineKind({ ...good, result: z.number().max(3) });
    await expect(liar.perform(context, { n: 2 })).rejects.toThrow(/<=3/);
  });

  it.each([
    [{ name: "Not A Name" }, /"Not A Name".*name/s],
    [{ queue: "fast" as "cpu" }, /queue/],
    [{ timeoutMs: 0 }, /timeoutMs/],
    [{ retry: { maxAttempts: 0, delayMs: -1 } }, /maxAttempts.*delayMs/s],
  ])("refuses %j", (wrong, message) => {
    expect(() => defineKind({ ...good, ...wrong })).toThrow(message);
  });
});

describe("the kinds' folder", () => {
  it("is found without a list", async () => {
    expect([...(await loadKinds()).keys()]).toEqual(["archive", "speech", "sum", "sweep", "total"]);
  });

  it("names the file that is not as it must be", async () => {
    const file = (name: string, exported: unknown) => async () => [{ name, exported }];
    await expect(loadKinds(file("a", undefined))).rejects.toThrow("jobs/kinds/a.ts: the default export is no job kind");
    await expect(loadKinds(file("a", defineKind(good)))).rejects.toThrow('the kind\'s name is "double", must be "a"');
  });
});

describe("a new kind", () => {
  const EXTRA = `
    import { z } from "zod";
    import { defineKind } from "../kind.ts";
    export default defineKind({ name: "extra", params: z.strictObject({}), result: z.string(), queue: "cpu",
      retry: { maxAttempts: 1, delayMs: 0 }, timeoutMs: 1000, handler: async () => "extra" });`;

  const copies: string[] = [];
  afterEach(() => {
    for (const copy of copies.splice(0)) rmSync(copy, { recursive: true });
  });

  /** A copy of the sources with one file more, below node_modules, where packages are found from. */
  function copyWithExtra(): string {
    const root = mkdtempSync(join(jobs, "..", "node_modules", ".slipway-kinds-"));
    copies.push(root);
    cpSync(jobs, join(root, "jobs"), { recursive: true });
    cpSync(join(jobs, "..", "configs"), join(root, "configs"), { recursive: true });
    writeFileSync(join(root, "jobs/kinds/extra.ts"), EXTRA);
    writeFileSync(join(root, "jobs/kinds/extra.test.ts"), "throw new Error('a test is no kind');");
    return join(root, "jobs");
  }

  it("is one file: sources and bundle have it, and its test is no part of either", async () => {
    const copy = copyWithExtra();
    expect(kindNames(join(copy, "kinds"))).toEqual(["archive", "extra", "speech", "sum", "sweep", "total"]);
    const outfile = join(mkdtempSync(join(tmpdir(), "slipway-kinds-")), "registry.mjs");
    await build({
      entryPoints: [join(copy, "registry.ts")],
      outfile,
      bundle: true,
      platform: "node",
      format: "esm",
      plugins: [bundleKinds(join(copy, "kinds"))],
    });
    const bundled = (await import(pathToFileURL(outfile).href)) as { loadKinds: () => Promise<Map<string, AnyKind>> };
    const kinds = await bundled.loadKinds();
    expect([...kinds.keys()]).toEqual(["archive", "extra", "speech", "sum", "sweep", "total"]);
    expect(await kinds.get("extra")?.perform(context, {})).toBe("extra");
  });

  it("is not there for a folder without it", async () => {
    expect((await loadKindFiles(kindsFolder())).map((file) => file.name)).not.toContain("extra");
  });
});
