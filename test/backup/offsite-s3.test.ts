import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { dirname, join } from "node:path";
import { CreateBucketCommand, S3Client } from "@aws-sdk/client-s3";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { BackupRecord, ListResult, RestoreResult, VerifyResult } from "../../backup/protocol.ts";
import { MOTO_CREDENTIALS, startMoto, type Moto } from "../../toolchain/aws/moto.ts";
import { findFolders } from "../../toolchain/folders.ts";
import { makeAuthority, type TestAuthority } from "../aws/test-authority.ts";
import { runProgram } from "../servers/programs.ts";
import { archived } from "./archived.ts";
import { startWorld, type BackupWorld } from "./world.ts";

const BUCKET = "slipway-offsite";
const REGION = "us-east-1";

let moto: Moto;
let authority: TestAuthority;
let front: Server;
let world: BackupWorld;

/** A bucket over TLS, signed by an authority that only this stack was told of. */
beforeAll(async () => {
  moto = await startMoto(findFolders());
  const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey } = MOTO_CREDENTIALS;
  const credentials = { accessKeyId, secretAccessKey };
  const client = new S3Client({ endpoint: moto.url, region: REGION, forcePathStyle: true, credentials });
  await client.send(new CreateBucketCommand({ Bucket: BUCKET }));
  client.destroy();
  authority = makeAuthority();
  chmodSync(dirname(authority.path), 0o755);
  front = await startFront(moto.url, authority);
  world = await startWorld({
    env: {
      ...{ BACKUP_OFFSITE_URL: `s3://${BUCKET}/stack/a`, BACKUP_OFFSITE_REGION: REGION },
      BACKUP_OFFSITE_ENDPOINT: `https://localhost:${(front.address() as AddressInfo).port}`,
      BACKUP_OFFSITE_CA_FILE: authority.path,
    },
    secrets: { "offsite-access-key-id": accessKeyId, "offsite-secret-access-key": secretAccessKey },
  });
});

afterAll(async () => {
  await world.close();
  front.closeAllConnections();
  front.close();
  authority.remove();
  await moto.end();
});

/** TLS before moto, which speaks none here. By a name: pgBackRest takes no address out of a certificate. */
async function startFront(url: string, by: TestAuthority): Promise<Server> {
  const { cert, key } = by.sign("s3", ["DNS:localhost"]);
  const server = createServer({ cert: readFileSync(cert), key: readFileSync(key) }, (asked, answer) => {
    const { method, url: path = "/", headers } = asked;
    const inner = request(new URL(path, url), { method, headers }, (response) => {
      answer.writeHead(response.statusCode ?? 502, response.headers);
      response.pipe(answer);
    });
    inner.on("error", () => answer.destroy());
    asked.pipe(inner);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return server;
}

test("a stack whose local repository is lost comes back from the bucket, with all that was archived", async () => {
  await world.escrow();
  const artifact = join(world.folder, "objects", "artifacts", "aa", "1-1.wav");
  mkdirSync(dirname(artifact), { recursive: true });
  writeFileSync(artifact, "speech ".repeat(1000));
  runProgram(["chmod", "-R", "a+rX", join(world.folder, "objects")]);
  const client = await world.connect();
  await client.query("CREATE TABLE notes AS SELECT id, md5(id::text) AS text FROM generate_series(1, 1000) AS id");
  const made = await world.agent(["backup", "--full"]);
  expect(made.code, made.log.slice(-3000)).toBe(0);
  const { label, repositories } = made.last.result as BackupRecord;
  expect(repositories).toEqual(["local", "offsite"]);
  await client.query("INSERT INTO notes SELECT generate_series(1001, 1500), 'later'");
  await archived(client);
  await client.end();
  const whole = await world.agent(["verify"]);
  expect(whole.code, JSON.stringify(whole.last)).toBe(0);

  await world.stopServing();
  rmSync(world.repository, { recursive: true });
  mkdirSync(world.repository);
  runProgram(["chmod", "0777", world.repository]);
  const listed = await world.agent(["list"]);
  expect((listed.last.result as ListResult).backups.map(({ repositories: having }) => having)).toEqual([["offsite"]]);
  const lacking = await world.agent(["verify"]);
  const { faults, sets } = lacking.last.result as VerifyResult;
  expect(lacking.code).toBe(3);
  expect([...faults, ...(sets[0]?.faults ?? [])].filter((fault) => /: offsite/.test(fault))).toEqual([]);

  for (const [number, target, count] of [
    [1, label, 1000],
    [2, "latest", 1500],
  ] as const) {
    const data = join(world.folder, `restored-${number}`, "data");
    const restored = await world.agent(["restore", "--to", target], { POSTGRES_DATA_DIR: data });
    expect(restored.code, restored.log.slice(-3000)).toBe(0);
    expect((restored.last.result as RestoreResult).rows["notes"]).toBe(count);
  }
});
