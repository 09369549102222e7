import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { runCommand } from "./command.ts";
import { pythonEnvironment } from "./python.ts";

const cache = mkdtempSync(join(tmpdir(), "slipway-python-"));
afterAll(() => {
  rmSync(cache, { recursive: true });
});

function requirements(text: string): string {
  const file = join(cache, "requirements.txt");
  writeFileSync(file, text);
  return file;
}

describe("an environment", () => {
  test("has the packages of its file, their scripts run, and it is made once", async () => {
    const file = requirements("idna==3.20\ncharset-normalizer==3.5.2\n");
    const first = await pythonEnvironment({ cache }, "python-a", file);
    const version = await runCommand(first.python, ["-c", "import idna; print(idna.__version__)"]);
    expect(version.trim()).toBe("3.20");
    // The environment was moved to its place: its scripts still name the old one, so the interpreter runs them.
    expect(await runCommand(first.python, [first.script("normalizer"), "--help"])).toContain("usage");
    const again = await pythonEnvironment({ cache }, "python-a", file);
    expect(again.python).toBe(first.python);
  });

  test("that a package is missing for leaves nothing behind", async () => {
    const file = requirements("slipway-no-such-package==0.0.0\n");
    await expect(pythonEnvironment({ cache }, "python-b", file)).rejects.toThrow("slipway-no-such-package");
    expect(existsSync(join(cache, "python-b"))).toBe(false);
  });
});
