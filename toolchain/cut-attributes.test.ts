import { globSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import { dropCutAttributes } from "./cut-attributes.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "slipway-[cut]-"));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

const WHOLE = '{"user.content_type":"text/plain; charset=utf-8","md5":"dGhpcw=="}\n';
const FILES = {
  "meta.yaml": "version: 1\n",
  "meta.yaml.attrs": "",
  "stacks/slipway/dev.json": '{"version": 3',
  "stacks/slipway/dev.json.attrs": "",
  "stacks/slipway/dev.json.bak.attrs": WHOLE.slice(0, 20),
  "stacks/slipway/prod.json.attrs": WHOLE,
  "stacks/another/dev.json.attrs": "",
  "locks/organization/slipway/dev/1.json.attrs": "{",
} as const;

function write(): void {
  for (const [name, text] of Object.entries(FILES)) {
    const path = join(folder, ".pulumi", name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  }
}
const left = () => globSync("**/*.*", { cwd: join(folder, ".pulumi") }).sort();

test("what was cut off beside the project's files goes, and nothing else, not even a state that is cut", () => {
  write();
  const folders = { root: "", cache: "", config: "", state: folder };
  dropCutAttributes(folders, "slipway", undefined);
  const kept = [
    "meta.yaml",
    "stacks/another/dev.json.attrs",
    "stacks/slipway/dev.json",
    "stacks/slipway/prod.json.attrs",
  ];
  expect(left()).toEqual(kept);
});

test("in a folder that machines share too, and of a bucket nothing is asked", () => {
  write();
  const folders = { root: "", cache: "", config: "", state: join(folder, "elsewhere") };
  dropCutAttributes(folders, "slipway", "s3://states");
  expect(left()).toEqual(Object.keys(FILES).sort());
  dropCutAttributes(folders, "slipway", pathToFileURL(folder).href);
  expect(left()).toHaveLength(4);
});
