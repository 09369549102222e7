import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CreateBucketCommand, S3Client } from "@aws-sdk/client-s3";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { bundlePrograms, type Bundles } from "../test/servers/bundles.ts";
import { testToken } from "../test/servers/credentials.ts";
import { freePort, startProgram, until, type RunningProgram } from "../test/servers/programs.ts";
import { startStack, type TestStack } from "../test/servers/stack.ts";
import { MOTO_CREDENTIALS, startMoto, type Moto } from "../toolchain/aws/moto.ts";
import { findFolders } from "../toolchain/folders.ts";

/** The programs as images have them, with artifacts in S3, which moto simulates. */
const BUCKET = "slipway-programs";
const SETUP_MS = 300_000;
let moto: Moto;
let stack: TestStack;
let bundles: Bundles;
let folder: string;
let running: RunningProgram[];
let url: string;

beforeAll(async () => {
  [moto, stack, bundles] = await Promise.all([startMoto(findFolders()), startStack(), bundlePrograms()]);
  folder = mkdtempSync(join(tmpdir(), "slipway-s3-"));
  // A place sees files of credentials, and no credential in its environment.
  const file = join(folder, "credentials");
  const { AWS_ACCESS_KEY_ID: id, AWS_SECRET_ACCESS_KEY: secret } = MOTO_CREDENTIALS;
  writeFileSync(file, `[default]\naws_access_key_id=${id}\naws_secret_access_key=${secret}\n`, { mode: 0o600 });
  const aws = { AWS_SHARED_CREDENTIALS_FILE: file, AWS_REGION: "us-east-1", AWS_ENDPOINT_URL_S3: moto.url };
  const credentials = { accessKeyId: id, secretAccessKey: secret };
  const client = new S3Client({ endpoint: moto.url, region: "us-east-1", forcePathStyle: true, credentials });
  await client.send(new CreateBucketCommand({ Bucket: BUCKET }));
  client.destroy();
  const port = String(await freePort());
  url = `http://127.0.0.1:${port}`;
  const env = { PATH: process.env["PATH"] ?? "", ...stack.env, ...aws, OBJECTS_URL: `s3://${BUCKET}/artifacts-of-all` };
  const start = (name: "api" | "worker", more: Readonly<Record<string, string>>, args: readonly string[] = []) =>
    startProgram([process.execPath, bundles.path(name), ...args], { cwd: bundles.folder, env: { ...env, ...more } });
  running = [
    start("api", { PORT: port }),
    start("worker", { PORT: String(await freePort()) }, ["--queues", "default,cpu", "--processes", "1"]),
  ];
}, SETUP_MS);
afterAll(async () => {
  for (const program of running) await program.stop("SIGKILL");
  bundles.remove();
  rmSync(folder, { recursive: true });
  await stack.close();
  await moto.end();
});

describe("programs over S3, simulated by moto", () => {
  it("speak: the worker's place puts the sound there, and the API gives it out, whole and in part", async () => {
    const isReady = async () => (await fetch(`${url}/health/ready`).catch(() => undefined))?.ok === true;
    await until("the API is ready", isReady);
    const headers = { authorization: `Bearer ${await testToken()}`, "content-type": "application/json" };
    const body = JSON.stringify({ kind: "speech", params: { text: "All is in the bucket." } });
    const made = await fetch(`${url}/api/v1/jobs`, { method: "POST", headers, body });
    const { id } = (await made.json()) as { id: string };
    const job = async () => (await (await fetch(`${url}/api/v1/jobs/${id}`, { headers })).json()) as { state: string };
    await until("it is spoken", async () => (await job()).state === "succeeded");
    const whole = Buffer.from(await (await fetch(`${url}/api/v1/jobs/${id}/artifact`, { headers })).arrayBuffer());
    expect(whole.subarray(0, 4).toString()).toBe("RIFF");
    const part = await fetch(`${url}/api/v1/jobs/${id}/artifact`, { headers: { ...headers, range: "bytes=8-11" } });
    expect([part.status, await part.text()]).toEqual([206, "WAVE"]);
    expect(part.headers.get("content-range")).toBe(`bytes 8-11/${whole.length}`);
  });
});
