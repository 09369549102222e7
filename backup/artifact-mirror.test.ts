import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { ObjectStore } from "../jobs/object-store.ts";
import { openObjects } from "../jobs/objects.ts";
import { listed } from "../test/servers/object-store.ts";
import { createTestSets, filesIn, type TestSets } from "../test/servers/set-context.ts";
import { contentKey } from "./artifact-contents.ts";
import { LATEST_MANIFEST, readManifest } from "./artifact-manifest.ts";
import { findManifest, mirrorArtifacts, restoreArtifacts } from "./artifact-mirror.ts";
import { keepSets } from "./keep-sets.ts";
import { putMetadata, setKey, type SetMetadata } from "./sets.ts";
import { localStore } from "./set-context.ts";

let sets: TestSets;
let source: ObjectStore;
let store: ObjectStore;
const { signal } = new AbortController();
beforeEach(() => {
  sets = createTestSets(1);
  source = sets.context.artifacts;
  store = localStore(sets.context);
});
afterEach(() => {
  sets.remove();
});

const mirror = (manifest: string, known?: string, from = source) =>
  mirrorArtifacts({ source: from, store, keys: sets.context.keys, known, signal }, manifest);

const label = (n: number) => `202611${String(10 + n)}-023000F`;
const sealedFile = { bytes: 0, sha256: "" };

/** A set as far as what is kept goes. */
async function putSet(n: number): Promise<void> {
  await mirror(setKey(label(n), "artifacts"));
  const metadata: SetMetadata = {
    ...{ label: label(n), type: "full", startedAt: "2026-11-29T00:00:00Z", endedAt: "2026-11-29T00:00:00Z" },
    ...{ databaseBytes: 0, addedBytes: 0, migrationLevel: 3, jobs: { total: 0, byState: {} } },
    ...{ release: { images: {}, configuration: {} }, keyIds: { backup: "" }, redis: { bytes: 0, file: sealedFile } },
    artifacts: { count: 0, bytes: 0, addedBytes: 0, manifest: sealedFile },
  };
  await putMetadata(store, sets.context.keys, metadata);
}

const restore = async (manifest: string, stores = [store], target = source) =>
  restoreArtifacts(
    { stores, keys: sets.context.keys, target, signal },
    await findManifest(stores, sets.context.keys, manifest),
  );

describe("the mirror of artifacts", () => {
  it("keeps exactly the contents that kept sets name, whatever came and went, and gives each set back", async () => {
    const content = fc.integer({ min: 0, max: 5 }).map((n) => `content ${n}`.repeat(n * 40));
    const state = fc.dictionary(fc.constantFrom("1", "2", "3", "4"), content, { maxKeys: 4 });
    await fc.assert(
      fc.asyncProperty(
        fc.array(state, { minLength: 1, maxLength: 4 }),
        fc.infiniteStream(fc.boolean()),
        async (states, kept) => {
          sets.remove();
          sets = createTestSets(1);
          [source, store] = [sets.context.artifacts, localStore(sets.context)];
          for (const [n, artifacts] of states.entries()) {
            for (const { key } of await listed(source, "artifacts")) await source.remove(key);
            for (const [key, text] of Object.entries(artifacts))
              await source.put(`artifacts/${key}`, Buffer.from(text));
            await putSet(n);
          }
          const keeps = states.map((_, n) => n).filter(() => kept.next().value === true);
          await keepSets(store, sets.context.keys, keeps.map(label));
          const wanted = new Set(keeps.flatMap((n) => Object.values(states[n] ?? {})));
          expect(await listed(store, "artifacts")).toHaveLength(wanted.size);
          for (const n of keeps) {
            for (const { key } of await listed(source, "artifacts")) await source.remove(key);
            expect((await restore(setKey(label(n), "artifacts"))).missing).toEqual([]);
            const texts = (await listed(source, "artifacts")).map(({ key }) => [
              key.slice("artifacts/".length),
              readFileSync(join(sets.objects, key), "utf8"),
            ]);
            expect(Object.fromEntries(texts)).toEqual(states[n]);
          }
        },
      ),
      { numRuns: 12 },
    );
  });

  it("reads only what it does not know yet", async () => {
    await source.put("artifacts/1", Buffer.from("one"));
    await mirror("mirror/a.enc");
    await source.put("artifacts/2", Buffer.from("two"));
    const read: string[] = [];
    const watched: ObjectStore = {
      ...source,
      read: (key, range) => {
        read.push(key);
        return source.read(key, range);
      },
    };
    expect(await mirror("mirror/b.enc", "mirror/a.enc", watched)).toMatchObject({ count: 2, bytes: 6 });
    expect(new Set(read)).toEqual(new Set(["artifacts/2"]));
  });

  it("brings a content again that was cut", async () => {
    await source.put("artifacts/1", Buffer.from("one"));
    await mirror("mirror/a.enc");
    const [path = ""] = filesIn(sets.local).filter((name) => name.startsWith("artifacts/"));
    writeFileSync(join(sets.local, path), readFileSync(join(sets.local, path)).subarray(0, 80));
    await mirror("mirror/b.enc", "mirror/a.enc");
    expect(await restore("mirror/b.enc", [store], openObjects(`file://${sets.offsite}`))).toMatchObject({
      restored: 1,
    });
  });

  it("leaves out what is swept or replaced meanwhile", async () => {
    for (const name of ["1", "2", "3"]) await source.put(`artifacts/${name}`, Buffer.from(name));
    let reads = 0;
    const swept: ObjectStore = {
      ...source,
      read: async (key) => {
        reads += 1;
        if (key === "artifacts/1") await source.remove(key);
        // Between the look that hashes it and the one that takes it.
        if (key === "artifacts/2" && reads > 3) await source.put(key, Buffer.from("another"));
        return source.read(key);
      },
    };
    expect((await mirror("mirror/a.enc", undefined, swept)).count).toBe(1);
    const known = await readManifest(store, sets.context.keys, "mirror/a.enc");
    expect(known.map(({ key }) => key)).toEqual(["artifacts/3"]);
    expect(filesIn(sets.local).filter((path) => path.startsWith("artifacts/"))).toHaveLength(1);
  });

  it("leaves no manifest where it was broken off, and goes on from what was brought", async () => {
    for (const name of ["1", "2", "3"]) await source.put(`artifacts/${name}`, Buffer.from(name));
    const broken: ObjectStore = {
      ...source,
      read: async (key) => {
        if (key === "artifacts/3") throw new Error("the disk is gone");
        return source.read(key);
      },
    };
    await expect(mirror("mirror/a.enc", undefined, broken)).rejects.toThrow("the disk is gone");
    expect(filesIn(sets.local).some((path) => path.startsWith("mirror"))).toBe(false);
    const { addedBytes, count } = await mirror("mirror/a.enc");
    expect([count, addedBytes < 300]).toEqual([3, true]);
  });
});

describe("artifacts that are brought back", () => {
  it("are those that are missing; what is there stays, and what no repository has whole is named", async () => {
    for (const name of ["1", "2", "3"]) await source.put(`artifacts/${name}`, Buffer.from(`content ${name}`));
    await mirror(LATEST_MANIFEST);
    const artifacts = await readManifest(store, sets.context.keys, LATEST_MANIFEST);
    const contentOf = (key: string) =>
      join(sets.local, contentKey(sets.context.keys, artifacts.find((one) => one.key === key)?.sha256 ?? ""));
    for (const name of ["1", "2"]) await source.remove(`artifacts/${name}`);
    const damaged = readFileSync(contentOf("artifacts/2"));
    damaged.writeUInt8(damaged.readUInt8(damaged.length - 1) ^ 1, damaged.length - 1);
    writeFileSync(contentOf("artifacts/2"), damaged);
    expect(await restore(LATEST_MANIFEST)).toEqual({ restored: 1, bytes: 9, missing: ["artifacts/2"] });
    expect((await listed(source, "artifacts")).map(({ key }) => key)).toEqual(["artifacts/1", "artifacts/3"]);
    expect(filesIn(sets.objects).filter((path) => path.startsWith(".staging"))).toEqual([]);
  });

  it("come from the next repository where the first has no whole one", async () => {
    await source.put("artifacts/1", Buffer.from("one"));
    await mirror(LATEST_MANIFEST);
    const [, offsite] = sets.context.repositories;
    if (!offsite) throw new Error("no second repository");
    for await (const { key } of store.list("artifacts")) {
      const found = await store.read(key);
      if (found) await offsite.store.put(key, found.stream);
      rmSync(join(sets.local, key));
    }
    await source.remove("artifacts/1");
    const { restored, missing } = await restoreArtifacts(
      { stores: [store, offsite.store], keys: sets.context.keys, target: source, signal },
      await readManifest(store, sets.context.keys, LATEST_MANIFEST),
    );
    expect([restored, missing]).toEqual([1, []]);
  });

  it("are no missing ones where the object store takes nothing", async () => {
    await source.put("artifacts/1", Buffer.from("one"));
    await mirror(LATEST_MANIFEST);
    const full: ObjectStore = {
      ...openObjects(`file://${sets.offsite}`),
      put: () => Promise.reject(new Error("no space left")),
    };
    await expect(restore(LATEST_MANIFEST, [store], full)).rejects.toThrow("no space left");
  });
});

it("keeps every content where a manifest that names some cannot be read", async () => {
  await source.put("artifacts/1", Buffer.from("one"));
  await putSet(1);
  await source.put("artifacts/2", Buffer.from("two"));
  await putSet(2);
  const path = join(sets.local, setKey(label(1), "artifacts"));
  rmSync(path);
  expect(await keepSets(store, sets.context.keys, [label(1)])).toEqual({ sets: [label(2)], contents: 0, bytes: 0 });
  expect(await listed(store, "artifacts")).toHaveLength(2);
});
