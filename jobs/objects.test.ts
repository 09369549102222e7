import { chmodSync, mkdtempSync, readdirSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { text } from "node:stream/consumers";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { itIsAnObjectStore, listed } from "../test/servers/object-store.ts";
import type { ObjectStore } from "./object-store.ts";
import { openObjects } from "./objects.ts";

let folder: string;
let store: ObjectStore;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "slipway objects-"));
  store = openObjects(`file://${encodeURI(folder)}`);
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

describe("a folder of objects", () => {
  itIsAnObjectStore(() => store);

  it("leaves nothing staged where it replaces an object", async () => {
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

  it("lists nothing that is being written", async () => {
    await store.put("a/b", Buffer.from("1"));
    writeFileSync(join(folder, ".staging", "half"), "x");
    expect((await listed(store, "a")).map(({ key }) => key)).toEqual(["a/b"]);
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
  expect(() => openObjects("ftp://bucket")).toThrow("got scheme ftp:, allowed: file:, s3:");
});
