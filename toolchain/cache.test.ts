import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
  mkdirSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { cachedFolder, contentKey, fillCache, isCached } from "./cache.ts";

let cache: string;
beforeEach(() => {
  cache = mkdtempSync(join(tmpdir(), "slipway-cache-"));
});
afterEach(() => {
  rmSync(cache, { recursive: true });
});

const KEY = "0123456789abcdef";

test("equal content gives an equal key, wherever it lies and in whatever order it is named", () => {
  const write = (folder: string) => {
    mkdirSync(join(cache, folder));
    return ["go.mod", "main.go"].map((name) => {
      writeFileSync(join(cache, folder, name), `content of ${name}`);
      return join(cache, folder, name);
    });
  };
  const [one, two] = [write("one"), write("two")];
  expect(contentKey(one, ["go1.26"])).toBe(contentKey(two.reverse(), ["go1.26"]));
  expect(contentKey(one, ["go1.26"])).toMatch(/^[0-9a-f]{16}$/);
});

test("a changed byte, a moved name and another compiler each give another key", () => {
  const file = join(cache, "main.go");
  writeFileSync(file, "a");
  const before = contentKey([file], ["go1.26"]);
  expect(contentKey([file], ["go1.27"])).not.toBe(before);
  writeFileSync(file, "b");
  expect(contentKey([file], ["go1.26"])).not.toBe(before);
  writeFileSync(join(cache, "x.go"), "a");
  expect(contentKey([join(cache, "x.go")], ["go1.26"])).not.toBe(before);
});

test("a thing is made once", async () => {
  let made = 0;
  const make = async (folder: string) => {
    made++;
    writeFileSync(join(folder, "program"), "x");
  };
  const first = await fillCache({ cache, name: "thing", key: KEY }, make);
  const second = await fillCache({ cache, name: "thing", key: KEY }, make);
  expect(second).toBe(first);
  expect(made).toBe(1);
  expect(readFileSync(join(first, "program"), "utf8")).toBe("x");
});

test("what fails half-way leaves nothing behind", async () => {
  const cached = { cache, name: "thing", key: KEY };
  const broken = fillCache(cached, async (folder) => {
    writeFileSync(join(folder, "half"), "x");
    throw new Error("out of disk");
  });
  await expect(broken).rejects.toThrow("out of disk");
  expect(isCached(cached)).toBe(false);
  expect(readdirSync(cache)).toEqual([]);
});

test("of two runs at the same time both get the complete thing", async () => {
  const cached = { cache, name: "thing", key: KEY };
  const run = () =>
    fillCache(cached, async (folder) => {
      writeFileSync(join(folder, "program"), "x");
    });
  const folders = await Promise.all([run(), run()]);
  expect(new Set(folders)).toEqual(new Set([cachedFolder(cached)]));
  expect(readdirSync(cache)).toEqual([`thing-${KEY}`]);
});

test("only the two last versions stay, and other things are let be", async () => {
  mkdirSync(join(cache, `thing-else-${KEY}`));
  for (const [at, letter] of ["a", "b", "c", "d"].entries()) {
    const folder = await fillCache({ cache, name: "thing", key: letter.repeat(16) }, async () => undefined);
    utimesSync(folder, at, at);
  }
  expect(existsSync(join(cache, `thing-else-${KEY}`))).toBe(true);
  const left = readdirSync(cache).filter((name) => /^thing-.{16}$/.test(name));
  expect(left).toEqual([`thing-${"c".repeat(16)}`, `thing-${"d".repeat(16)}`]);
});
