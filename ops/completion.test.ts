import { spawnSync } from "node:child_process";
import { expect, test } from "vitest";
import { ROOT } from "../toolchain/folders.ts";
import { completion } from "./completion.ts";

/** What bash offers behind these words. */
function offered(...words: string[]): string[] {
  const script = `${completion(["backup", "backups", "deploy"])}
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)); _slipway; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { stdout } = spawnSync("bash", ["-c", script, "bash", ...words], { cwd: ROOT, encoding: "utf8" });
  return stdout.trim().split("\n");
}

test("bash offers commands, stacks that have a file, and a command's own options", () => {
  expect(offered("./slipway", "ba")).toEqual(["backup", "backups"]);
  expect(offered("./slipway", "deploy", "--stack", "")).toEqual(expect.arrayContaining(["dev", "cluster", "prod"]));
  expect(offered("./slipway", "deploy", "--skip")).toEqual(["--skip-tests", "--skip-build"]);
  expect(offered("./slipway", "deploy", "word")).toEqual([""]);
});
