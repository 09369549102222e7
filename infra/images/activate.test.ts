import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";

const script = readFileSync(new URL("./edge/activate.sh", import.meta.url), "utf8");

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "slipway-edge-"));
  mkdirSync(join(folder, "releases/none"), { recursive: true });
  symlinkSync("releases/none", join(folder, "active"));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

/** The script on a folder of its own. */
function activate(...words: string[]) {
  const { status, stderr } = spawnSync("bash", ["-c", script.replace("/var/lib/edge", folder), "activate", ...words]);
  return { status, stderr: stderr.toString() };
}

/** How many hundredths of the requests go where, as nginx looks it up. */
function shares(): Record<string, number> {
  const counts: Record<string, number> = {};
  for (let part = 0; part < 100; part++) {
    const release = basename(realpathSync(join(folder, "active", String(part))));
    counts[release] = (counts[release] ?? 0) + 1;
  }
  return counts;
}

test("a release gets everything, or a share beside the one that serves, and takes over from any", () => {
  expect(activate("api-aa").status).toBe(0);
  expect(shares()).toEqual({ "api-aa": 100 });
  for (const percent of [10, 50, 100, 7]) {
    expect(activate("api-bb", String(percent)).status).toBe(0);
    expect(shares()).toEqual({ "api-bb": percent, ...(percent < 100 && { "api-aa": 100 - percent }) });
    expect(basename(realpathSync(join(folder, "active")))).toBe("api-aa");
  }
  expect(activate("api-bb").status).toBe(0);
  expect(shares()).toEqual({ "api-bb": 100 });
});

test("a share is taken back, and one that was left is gone once another release serves", () => {
  activate("api-aa");
  activate("api-bb", "30");
  expect(activate("api-cc", "0").status).toBe(0);
  expect(shares()).toEqual({ "api-aa": 100 });
  activate("api-bb", "30");
  activate("api-cc");
  expect(shares()).toEqual({ "api-cc": 100 });
  activate("api-dd");
  expect(["api-aa", "api-bb", "api-cc"].filter((name) => existsSync(join(folder, "releases", name)))).toEqual([
    "api-cc",
  ]);
});

test.each([[["../etc"]], [["api-aa", "101"]], [["api-aa", "-1"]], [["api-aa", "ten"]]])("%j is refused", (words) => {
  activate("api-ff");
  expect(activate(...words).status).toBe(64);
  expect(shares()).toEqual({ "api-ff": 100 });
});
