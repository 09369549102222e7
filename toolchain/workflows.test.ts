import { execFileSync } from "node:child_process";
import { existsSync, globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { findFolders, ROOT } from "./folders.ts";
import { buildGoProgram, findGo, goMissing } from "./go.ts";

const MINUTES = 60_000;
const WORKFLOWS = globSync(join(ROOT, ".github/workflows/*.yml"));

let actionlint: string;
beforeAll(async () => {
  const folders = findFolders();
  const go = await findGo();
  if (go === undefined) throw goMissing("actionlint");
  actionlint = join(await buildGoProgram("actionlint", folders, go, () => undefined), "actionlint");
}, 10 * MINUTES);

/** What actionlint says of a workflow; nothing where it is well. */
function faultsOf(path: string): string {
  try {
    // Not what this machine has besides: shellcheck and pyflakes would make the answer another one elsewhere.
    return execFileSync(actionlint, ["-no-color", "-shellcheck=", "-pyflakes=", path], { encoding: "utf8" });
  } catch (error) {
    return error instanceof Error && "stdout" in error ? String(error.stdout) : String(error);
  }
}

describe("workflows", () => {
  it("are there", () => {
    expect(WORKFLOWS.map((path) => path.split("/").at(-1))).toContain("drill.yml");
  });

  it.each(WORKFLOWS)("%s is what GitHub takes, with commands that there are, and may write nothing", (path) => {
    expect(faultsOf(path)).toBe("");
    const text = readFileSync(path, "utf8");
    const commands = [...text.matchAll(/\.\/slipway (\w+)/g)].map(([, name]) => name ?? "");
    expect(commands.filter((name) => !existsSync(join(ROOT, `ops/commands/${name}.ts`)))).toEqual([]);
    expect(text).toMatch(/^permissions:\n {2}contents: read$/m);
  });

  it("would be refused with an expression that is none, or a name from outside in a script", () => {
    const folder = mkdtempSync(join(tmpdir(), "slipway-workflow-"));
    const path = join(folder, "broken.yml");
    const drill = readFileSync(join(ROOT, ".github/workflows/drill.yml"), "utf8");
    try {
      writeFileSync(path, drill.replace("inputs.stack", "input.stack"));
      expect(faultsOf(path)).toContain('undefined variable "input"');
      writeFileSync(path, drill.replace('"$STACK"', "${{ github.event.issue.title }}"));
      expect(faultsOf(path)).toContain("potentially untrusted");
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
