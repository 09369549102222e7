import { text } from "node:stream/consumers";
import { expect, it } from "vitest";
import type { ListedObject } from "../../jobs/object-walk.ts";
import type { ObjectStore } from "../../jobs/object-store.ts";

/** Everything that is listed below a folder. */
export async function listed(store: ObjectStore, keys: string): Promise<ListedObject[]> {
  const found: ListedObject[] = [];
  for await (const one of store.list(keys)) found.push(one);
  return found;
}

/** What holds of every object store, whatever is behind it. */
export function itIsAnObjectStore(open: () => ObjectStore): void {
  itStores(open);
  itReadsParts(open);
  itListsAndRemoves(open);
}

function itStores(open: () => ObjectStore): void {
  it("gives back what was put, with length and hash", async () => {
    const stored = await open().put("a/b/c.txt", Buffer.from("hello"));
    expect(stored).toEqual({ bytes: 5, sha256: "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824" });
    const read = await open().read("a/b/c.txt");
    expect(read?.bytes).toBe(5);
    expect(read && (await text(read.stream))).toBe("hello");
  });

  it("takes content that comes in pieces, of any length", async () => {
    async function* pieces() {
      for (let n = 0; n < 13; n++) yield await Promise.resolve(Buffer.alloc(1024 * 1024, n));
    }
    const { bytes } = await open().put("a/large", pieces());
    expect(bytes).toBe(13 * 1024 * 1024);
    const read = await open().read("a/large", { first: 12 * 1024 * 1024 - 1, last: 12 * 1024 * 1024 });
    expect(read && Buffer.concat(await read.stream.toArray())).toEqual(Buffer.from([11, 12]));
    expect((await open().put("a/empty", Buffer.alloc(0))).bytes).toBe(0);
    const empty = await open().read("a/empty");
    expect([empty?.bytes, empty && (await text(empty.stream))]).toEqual([0, ""]);
  });

  it("replaces an object as a whole; what breaks off in the middle leaves the one before", async () => {
    await open().put("a/old", Buffer.from("long old content"));
    await open().put("a/old", Buffer.from("new"));
    async function* broken() {
      yield await Promise.resolve(Buffer.alloc(6 * 1024 * 1024));
      throw new Error("no more");
    }
    await expect(open().put("a/old", broken())).rejects.toThrow("no more");
    const read = await open().read("a/old");
    expect(read && (await text(read.stream))).toBe("new");
    expect(await open().removeUnfinished(0)).toBe(0);
  });
}

function itReadsParts(open: () => ObjectStore): void {
  it("reads a part, and refuses one that is not within the object", async () => {
    await open().put("a", Buffer.from("0123456789"));
    const part = async (first: number, last: number) => {
      const found = await open().read("a", { first, last });
      return [found?.bytes, found && Buffer.concat(await found.stream.toArray()).toString()];
    };
    expect(await part(2, 4)).toEqual([10, "234"]);
    expect(await part(9, 9)).toEqual([10, "9"]);
    for (const [first, last] of [
      [0, 10],
      [10, 10],
      [-1, 2],
      [3, 2],
    ] as const) {
      await expect(open().read("a", { first, last })).rejects.toThrow("are not within an object of 10 bytes");
    }
    expect(await open().read("none", { first: 0, last: 0 })).toBeUndefined();
  });
}

function itListsAndRemoves(open: () => ObjectStore): void {
  it("has nothing where nothing was put, and removes twice without harm", async () => {
    expect(await open().read("none")).toBeUndefined();
    await open().put("gone", Buffer.from("1"));
    await open().remove("gone");
    await open().remove("gone");
    expect(await open().read("gone")).toBeUndefined();
  });

  it.each([[""], ["/a"], ["../a"], ["a/../b"], ["a//b"], ["a/"], [".staging/a"], ["A"], ["a\0"], ["a b"]])(
    "refuses the key %j",
    async (key) => {
      await expect(open().put(key, Buffer.from("1"))).rejects.toThrow("is not allowed");
      await expect(open().read(key)).rejects.toThrow("is not allowed");
      await expect(open().remove(key)).rejects.toThrow("is not allowed");
      expect(() => open().list(key)).toThrow("is not allowed");
    },
  );

  it("lists what is below a folder", async () => {
    for (const key of ["l/c/2", "l/b", "l/c/1", "lb"]) await open().put(key, Buffer.from(key));
    const found = await listed(open(), "l");
    expect(found.map(({ key, bytes }) => [key, bytes])).toEqual([
      ["l/b", 3],
      ["l/c/1", 5],
      ["l/c/2", 5],
    ]);
    expect(Math.abs((found[0]?.modifiedAt.getTime() ?? 0) - Date.now())).toBeLessThan(60_000);
    expect(await listed(open(), "none")).toEqual([]);
  });
}
