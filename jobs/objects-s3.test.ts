import { CreateBucketCommand, CreateMultipartUploadCommand, S3Client } from "@aws-sdk/client-s3";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { itIsAnObjectStore, listed } from "../test/servers/object-store.ts";
import { MOTO_CREDENTIALS, startMoto, type Moto } from "../toolchain/aws/moto.ts";
import { findFolders } from "../toolchain/folders.ts";
import type { ObjectStore } from "./object-store.ts";
import { openObjects } from "./objects.ts";

const BUCKET = "slipway-test-objects";
/** A machine without the packages fetches them first. */
const SETUP_MS = 300_000;
let moto: Moto;
let client: S3Client;
let store: ObjectStore;
beforeAll(async () => {
  moto = await startMoto(findFolders());
  const env = { ...MOTO_CREDENTIALS, AWS_REGION: "eu-central-1", AWS_ENDPOINT_URL_S3: moto.url };
  for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value);
  client = new S3Client({ forcePathStyle: true });
  const CreateBucketConfiguration = { LocationConstraint: "eu-central-1" } as const;
  await client.send(new CreateBucketCommand({ Bucket: BUCKET, CreateBucketConfiguration }));
  store = openObjects(`s3://${BUCKET}/team/a`);
}, SETUP_MS);
afterAll(async () => {
  client.destroy();
  await moto.end();
});

describe("objects in S3, simulated by moto", () => {
  itIsAnObjectStore(() => store);

  it("stay below their folder of the bucket", async () => {
    const other = openObjects(`s3://${BUCKET}`);
    await store.put("k", Buffer.from("1"));
    expect(await other.read("k")).toBeUndefined();
    expect((await other.read("team/a/k"))?.bytes).toBe(1);
    expect((await listed(other, "team/a")).map(({ key }) => key)).toContain("team/a/k");
  });

  it("are listed whole, however many there are", async () => {
    // Some at a time: who waits in the client for a connection counts as one that does not connect, and moto is slow where others work too.
    for (let first = 0; first < 1100; first += 50)
      await Promise.all(Array.from({ length: 50 }, (_, n) => store.put(`many/${first + n}`, Buffer.from("1"))));
    expect((await listed(store, "many")).length).toBe(1100);
  });

  it("are rid of uploads that nobody goes on with, and not of those under way", async () => {
    for (const Key of ["team/a/half", "elsewhere/half"])
      await client.send(new CreateMultipartUploadCommand({ Bucket: BUCKET, Key }));
    // Whenever an upload began, moto says 2010.
    expect(await store.removeUnfinished(Date.now())).toBe(0);
    expect(await store.removeUnfinished(60_000)).toBe(1);
    expect(await store.removeUnfinished(60_000)).toBe(0);
  });

  it("say where and what where they cannot be reached, and no credential", async () => {
    await store.check("write");
    const none = openObjects("s3://slipway-no-such-bucket");
    await expect(none.check("read")).rejects.toThrow("s3://slipway-no-such-bucket: look: ");
    const refused = none.put("a", Buffer.from("1"));
    await expect(refused).rejects.toThrow(/^s3:\/\/slipway-no-such-bucket: put a: NoSuchBucket: /);
    await expect(refused).rejects.not.toThrow("simulated");
  });

  it("give up where nobody answers", async () => {
    vi.stubEnv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9");
    await expect(openObjects(`s3://${BUCKET}`).check("read")).rejects.toThrow(/s3:.*look: .*ECONNREFUSED/);
    vi.stubEnv("AWS_ENDPOINT_URL_S3", moto.url);
  });
});
