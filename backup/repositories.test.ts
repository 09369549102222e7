import { CreateBucketCommand, S3Client } from "@aws-sdk/client-s3";
import { afterAll, beforeAll, expect, it } from "vitest";
import { listed } from "../test/servers/object-store.ts";
import { createTestSets, type TestSets } from "../test/servers/set-context.ts";
import { MOTO_CREDENTIALS, startMoto, type Moto } from "../toolchain/aws/moto.ts";
import { findFolders } from "../toolchain/folders.ts";
import { findManifest } from "./artifact-mirror.ts";
import { LATEST_MANIFEST } from "./artifact-manifest.ts";
import { openRepositories } from "./repositories.ts";
import { mirrorNow } from "./write-set.ts";

/** A machine without the packages of moto fetches them first. */
const SETUP_MS = 300_000;
const BUCKET = "slipway-offsite";
let moto: Moto;
let sets: TestSets;
beforeAll(async () => {
  moto = await startMoto(findFolders());
  const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey } = MOTO_CREDENTIALS;
  const credentials = { accessKeyId, secretAccessKey };
  const client = new S3Client({ endpoint: moto.url, region: "us-east-1", forcePathStyle: true, credentials });
  await client.send(new CreateBucketCommand({ Bucket: BUCKET }));
  client.destroy();
  sets = createTestSets(1);
}, SETUP_MS);
afterAll(async () => {
  sets.remove();
  await moto.end();
});

it("has its second one in S3, with keys and address of its own and none of the environment's", async () => {
  const { config } = sets.context;
  const repositories = openRepositories({
    ...config,
    ...{ BACKUP_OFFSITE_URL: `s3://${BUCKET}/stack/a`, BACKUP_OFFSITE_REGION: "us-east-1" },
    BACKUP_OFFSITE_ENDPOINT: moto.url,
    secrets: {
      ...config.secrets,
      "offsite-access-key-id": MOTO_CREDENTIALS.AWS_ACCESS_KEY_ID,
      "offsite-secret-access-key": MOTO_CREDENTIALS.AWS_SECRET_ACCESS_KEY,
    },
  });
  const context = { ...sets.context, repositories };
  await context.artifacts.put("artifacts/1", Buffer.from("canary"));
  await mirrorNow(context);
  const [, offsite] = repositories;
  if (!offsite) throw new Error("no second repository");
  expect(offsite.name).toBe("offsite");
  expect(await listed(offsite.store, "artifacts")).toHaveLength(1);
  const artifacts = await findManifest([offsite.store], context.keys, LATEST_MANIFEST);
  expect(artifacts.map(({ key }) => key)).toEqual(["artifacts/1"]);
});
