import { chmodSync, mkdtempSync, readdirSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { text } from "node:stream/consumers";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { ListedObject } from "./object-walk.ts";
import { openObjects, type ObjectStore } from "./objects.ts";

let folder: string;
let store: ObjectStore;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "slipway objects-"));
  store = openObjects(`file://${encodeURI(folder)}`);
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

async function listed(keys: string): Promise<ListedObject[]> {
  const found: ListedObject[] = [];
  for await (const one of store.list(keys)) found.push(one);
  return found;
}

describe("a folder of objects", () => {
  it("gives back what was put, with length and hash", async () => {
    const stored = await store.put("a/b/c.txt", Buffer.from("hello"));
    expect(stored).toEqual({ bytes: 5, sha256: "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824" });
    const read = await store.read("a/b/c.txt");
    expect(read?.bytes).toBe(5);
    expect(read && (await text(read.stream))).toBe("hello");
  });

  it("replaces an object as a whole and leaves nothing staged", async () => {
    await store.put("a", Buffer.from("long old content"));
    await store.put("a", Buffer.from("new"));
    const read = await store.read("a");
    expect(read && (await text(read.stream))).toBe("new");
    expect(readdirSync(join(folder, ".staging"))).toEqual([]);
  });

  it("leaves nothing staged when it cannot finish", async () => {
    await store.put("a", Buffer.from("1"));
    await expect(store.put("a/b", Buffer.from("1"))).rejects.toThrow(/EEXIST|ENOTDIR/);
    expect(readdirSync(join(folder, ".staging"))).toEqual([]);
  });

  it("lets its group read and nobody else", async () => {
    await store.put("a/b", Buffer.from("1"));
    expect(statSync(join(folder, "a/b")).mode & 0o777).toBe(0o640);
    expect(statSync(join(folder, "a")).mode & 0o777).toBe(0o750);
  });

  it("reads a part, and refuses one that is not within the object", async () => {
    await store.put("a", Buffer.from("0123456789"));
    const part = async (first: number, last: number) => {
      const found = await store.read("a", { first, last });
      return [found?.bytes, found && Buffer.concat(await found.stream.toArray()).toString()];
    };
    expect(await part(2, 4)).toEqual([10, "234"]);
    expect(await part(9, 9)).toEqual([10, "9"]);
    for (const [first, last] of [
      [0, 10],
      [-1, 2],
      [3, 2],
    ] as const) {
      await expect(store.read("a", { first, last })).rejects.toThrow("are not within an object of 10 bytes");
    }
    expect(await store.read("none", { first: 0, last: 0 })).toBeUndefined();
  });

  it("has nothing where nothing was put, and removes twice without harm", async () => {
    expect(await store.read("none")).toBeUndefined();
    await store.put("a", Buffer.from("1"));
    await store.remove("a");
    await store.remove("a");
    expect(await store.read("a")).toBeUndefined();
  });

  it.each([[""], ["/a"], ["../a"], ["a/../b"], ["a//b"], ["a/"], [".staging/a"], ["A"], ["a\0"], ["a b"]])(
    "refuses the key %j",
    async (key) => {
      await expect(store.put(key, Buffer.from("1"))).rejects.toThrow("is not allowed");
      await expect(store.read(key)).rejects.toThrow("is not allowed");
    },
  );

  it("lists what is below a folder, and nothing that is being written", async () => {
    for (const key of ["a/c/2", "a/b", "a/c/1", "ab", "b"]) await store.put(key, Buffer.from(key));
    writeFileSync(join(folder, ".staging", "half"), "x");
    const found = await listed("a");
    expect(found.map(({ key, bytes }) => [key, bytes])).toEqual([
      ["a/b", 3],
      ["a/c/1", 5],
      ["a/c/2", 5],
    ]);
    expect(Math.abs((found[0]?.modifiedAt.getTime() ?? 0) - Date.now())).toBeLessThan(60_000);
    expect(await listed("none")).toEqual([]);
    expect(() => store.list("../etc")).toThrow("is not allowed");
  });

  it("removes what a dead process left half-written, and not what is still written", async () => {
    expect(await store.removeUnfinished(1000)).toBe(0);
    await store.put("a", Buffer.from("1"));
    for (const name of ["old", "new"]) writeFileSync(join(folder, ".staging", name), "x");
    utimesSync(join(folder, ".staging", "old"), new Date(0), new Date(0));
    expect(await store.removeUnfinished(60_000)).toBe(1);
    expect(readdirSync(join(folder, ".staging"))).toEqual(["new"]);
    expect(await store.read("a")).toBeDefined();
  });

  it("says why it cannot be used", async () => {
    await store.check("write");
    writeFileSync(join(folder, "file"), "");
    await expect(openObjects(`file://${encodeURI(folder)}/none`).check("read")).rejects.toThrow("ENOENT");
    chmodSync(folder, 0o755);
    await expect(openObjects(`file://${encodeURI(folder)}/file/x`).check("write")).rejects.toThrow("ENOTDIR");
  });
});

it("has no store for other schemes", () => {
  expect(() => openObjects("s3://bucket")).toThrow("got scheme s3:, allowed: file:");
});
