import { readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { CreateBucketCommand, S3Client } from "@aws-sdk/client-s3";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { ObjectStore } from "../jobs/object-store.ts";
import { openObjects } from "../jobs/objects.ts";
import { createLog } from "../jobs/log.ts";
import { createTestSets, filesIn, type TestSets } from "../test/servers/set-context.ts";
import { MOTO_CREDENTIALS, startMoto, type Moto } from "../toolchain/aws/moto.ts";
import { findFolders } from "../toolchain/folders.ts";
import { writeAbsent } from "./absent-list.ts";
import { LATEST_MANIFEST, readManifest, type NamedContent } from "./artifact-manifest.ts";
import { bringBack } from "./bring-back.ts";
import type { ProgressEvent } from "./protocol.ts";
import { localStore } from "./set-context.ts";
import { mirrorNow } from "./write-set.ts";

/** A machine without the packages of moto fetches them first. */
const SETUP_MS = 300_000;
const BUCKET = "slipway-artifacts";
const KEYS = ["artifacts/aa/1-1.wav", "artifacts/aa/2-1.wav", "artifacts/bb/3-1.wav"];
const contentOf = (key: string) => `speech of ${key} `.repeat(5000);

let moto: Moto;
let bucket: ObjectStore;
let sets: TestSets;
let folder: string;
let named: NamedContent[];

beforeAll(async () => {
  moto = await startMoto(findFolders());
  const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey } = MOTO_CREDENTIALS;
  const access = { endpoint: moto.url, region: "us-east-1", credentials: { accessKeyId, secretAccessKey } };
  const client = new S3Client({ ...access, forcePathStyle: true });
  await client.send(new CreateBucketCommand({ Bucket: BUCKET }));
  client.destroy();
  bucket = openObjects(`s3://${BUCKET}/stack`, access);
}, SETUP_MS);
afterAll(() => moto.end());

beforeEach(async () => {
  sets = createTestSets(1);
  folder = join(sets.objects, "..", "data");
  const { artifacts, keys } = sets.context;
  for (const key of KEYS) await artifacts.put(key, Buffer.from(contentOf(key)));
  await mirrorNow(sets.context);
  named = await readManifest(localStore(sets.context), keys, LATEST_MANIFEST);
});
afterEach(() => {
  sets.remove();
});

/** @param target the store that artifacts are missing in */
async function bring(target: ObjectStore, said: Omit<ProgressEvent, "event">[] = []) {
  const { context } = sets;
  return bringBack({
    config: { ...context.config, POSTGRES_DATA_DIR: folder },
    context: { ...context, artifacts: target },
    log: createLog("backup", "error", { onStderr: true }),
    progress: (event) => said.push(event),
  });
}

async function contentIn(store: ObjectStore, key: string): Promise<string | undefined> {
  const found = await store.read(key);
  return found && text(found.stream);
}

describe.each([
  ["a folder", () => sets.context.artifacts],
  ["a bucket", () => bucket],
] as const)("artifacts that a restore misses in %s", (_, open) => {
  it("come back whole, with progress in bytes, and what is there is not written again", async () => {
    const store = open();
    const [gone = "", cut = "", kept = ""] = KEYS;
    await store.remove(gone);
    await store.put(cut, Buffer.from("half"));
    await store.put(kept, Buffer.from(contentOf(kept)));
    await writeAbsent(folder, named);
    const said: Omit<ProgressEvent, "event">[] = [];
    const puts: string[] = [];
    const watched: ObjectStore = {
      ...store,
      put: async (key, content) => {
        puts.push(key);
        return store.put(key, content);
      },
    };
    const bytes = contentOf(gone).length + contentOf(cut).length;
    expect(await bring(watched, said)).toEqual({ artifacts: 2, bytes, missing: 0 });
    expect(puts.sort()).toEqual([gone, cut]);
    for (const key of KEYS) expect(await contentIn(store, key)).toBe(contentOf(key));
    expect(said.at(-1)).toEqual({ step: "artifacts", doneBytes: bytes, totalBytes: bytes });
    // Again, there is nothing to do.
    expect(await bring(store)).toEqual({ artifacts: 0, bytes: 0, missing: 0 });
  });

  it("are counted where no backup has them, and the others come all the same", async () => {
    const store = open();
    for (const key of KEYS) await store.remove(key);
    await writeAbsent(folder, [...named, { key: "artifacts/cc/4-1.wav", bytes: 3, sha256: "0".repeat(64) }]);
    expect(await bring(store)).toMatchObject({ artifacts: 3, missing: 1 });
  });
});

it("goes on where it was interrupted: what had come is not fetched again, and nothing half is seen", async () => {
  const { artifacts: store } = sets.context;
  for (const key of KEYS) await store.remove(key);
  await writeAbsent(folder, named);
  const last = KEYS.at(-1) ?? "";
  const broken: ObjectStore = {
    ...store,
    put: async (key, content) => {
      if (key !== last) return store.put(key, content);
      async function* half() {
        for await (const part of content as AsyncIterable<Uint8Array>) {
          yield part.subarray(0, 10);
          throw new Error("the disk is full");
        }
      }
      return store.put(key, half());
    },
  };
  await expect(bring(broken)).rejects.toThrow("the disk is full");
  expect(await contentIn(store, last)).toBeUndefined();
  expect(filesIn(sets.objects).filter((path) => path.startsWith(".staging"))).toEqual([]);
  expect(await bring(store)).toMatchObject({ missing: 0 });
  for (const key of KEYS) expect(await contentIn(store, key)).toBe(contentOf(key));
});

it("takes a damaged content from the second repository, and from none where both are damaged", async () => {
  const { artifacts: store } = sets.context;
  for (const key of KEYS) await store.remove(key);
  await writeAbsent(folder, named);
  damageAll(sets.local);
  expect(await bring(store)).toMatchObject({ artifacts: 3, missing: 0 });
  for (const key of KEYS) await store.remove(key);
  damageAll(sets.offsite);
  expect(await bring(store)).toEqual({ artifacts: 0, bytes: 0, missing: 3 });
  expect(filesIn(sets.objects)).toEqual([]);
});

it("is refused where nothing was restored, and its list is for this user and its group", async () => {
  await expect(bring(sets.context.artifacts)).rejects.toThrow(/data\.artifacts\.jsonl is not there.*restore into/);
  await writeAbsent(folder, named);
  expect(statSync(`${folder}.artifacts.jsonl`).mode & 0o777).toBe(0o640);
  rmSync(`${folder}.artifacts.jsonl`);
});

function damageAll(repository: string): void {
  for (const path of filesIn(repository).filter((name) => name.startsWith("artifacts/"))) {
    const bytes = readFileSync(join(repository, path));
    bytes.writeUInt8(bytes.readUInt8(bytes.length - 1) ^ 1, bytes.length - 1);
    writeFileSync(join(repository, path), bytes);
  }
}
