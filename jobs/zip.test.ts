import { spawnSync } from "node:child_process";
import { buffer } from "node:stream/consumers";
import { expect, it } from "vitest";
import { fromBuffer, type Entry, type ZipFile } from "yauzl";
import { zipStream, type ZipEntry } from "./zip.ts";

function entry(name: string, ...parts: string[]): ZipEntry {
  return {
    name,
    open: async function* () {
      yield* parts.map((part) => Buffer.from(part));
    },
  };
}

async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = [];
  for await (const chunk of chunks) all.push(chunk);
  return Buffer.concat(all);
}

function openZip(content: Buffer): Promise<ZipFile> {
  return new Promise((resolve, reject) => {
    fromBuffer(content, { lazyEntries: false }, (error, zip) => {
      if (error) reject(error);
      else resolve(zip);
    });
  });
}

/** Names and contents, read back by another program's author. */
async function unzip(content: Buffer): Promise<[string, string][]> {
  const zip = await openZip(content);
  const entries: Entry[] = [];
  zip.on("entry", (one: Entry) => entries.push(one));
  await new Promise((resolve, reject) => zip.once("end", resolve).once("error", reject));
  return Promise.all(entries.map(async (one) => [one.fileName, await readEntry(zip, one)]));
}

function readEntry(zip: ZipFile, one: Entry): Promise<string> {
  return new Promise((resolve, reject) => {
    zip.openReadStream(one, (error, stream) => {
      if (error) reject(error);
      else resolve(buffer(stream).then(String));
    });
  });
}

it("holds every file, in order", async () => {
  const entries = [entry("a.txt", "one", "two"), entry("b/ä.txt", ""), entry("c.bin", "x".repeat(300_000))];
  const found = await unzip(await collect(zipStream(entries)));
  expect(found).toEqual([
    ["a.txt", "onetwo"],
    ["b/ä.txt", ""],
    ["c.bin", "x".repeat(300_000)],
  ]);
  expect(await unzip(await collect(zipStream([])))).toEqual([]);
});

it("is the same bytes in every time zone and at every time", async () => {
  const code = `
    import { zipStream } from ${JSON.stringify(new URL("zip.ts", import.meta.url).href)};
    import { createHash } from "node:crypto";
    const hash = createHash("sha256");
    for await (const c of zipStream([{ name: "a", open: async function* () { yield Buffer.from("hello"); } }])) hash.update(c);
    console.log(hash.digest("hex"));`;
  const run = (zone: string) =>
    spawnSync(process.execPath, ["--input-type=module", "--eval", code], { env: { TZ: zone }, encoding: "utf8" })
      .stdout;
  const first = run("Pacific/Kiritimati");
  expect(first).toMatch(/^[0-9a-f]{64}\n$/);
  await new Promise((resolve) => setTimeout(resolve, 2100));
  expect(run("America/Los_Angeles")).toBe(first);
});

it("is written as it is read: a file is not opened before those before it are read, nor held as a whole", async () => {
  let given = 0;
  const big: ZipEntry = {
    name: "big",
    open: async function* () {
      for (; given < 500; given += 1) yield Buffer.alloc(100_000, given);
    },
  };
  let opened = false;
  const last: ZipEntry = {
    name: "last",
    open: async function* () {
      opened = true;
      yield Buffer.from("end");
    },
  };
  let read = 0;
  for await (const chunk of zipStream([big, last])) {
    read += chunk.length;
    // Some chunks wait in the streams between: far less than the 50 MB.
    expect(given * 100_000 - read).toBeLessThan(2_000_000);
    if (read < 49_000_000) expect(opened).toBe(false);
  }
  expect(read).toBeGreaterThan(50_000_000);
});

it("fails with what a file throws, and closes what it opened when nobody reads on", async () => {
  let closed = 0;
  const endless: ZipEntry = {
    name: "endless",
    open: async function* () {
      try {
        for (;;) yield Buffer.alloc(1000);
      } finally {
        closed += 1;
      }
    },
  };
  const broken: ZipEntry = {
    name: "broken",
    open: async function* () {
      yield Buffer.from("begin");
      throw new Error("the disk is gone");
    },
  };
  await expect(collect(zipStream([entry("a", "1"), broken, endless]))).rejects.toThrow("the disk is gone");
  for await (const chunk of zipStream([endless])) if (chunk.length > 0) break;
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(closed).toBe(1);
});
