import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { Job } from "../jobs/job.ts";
import { insertJob, readJob } from "../jobs/store.ts";
import { readWav } from "../jobs/wav.ts";
import { writeKokoroModel } from "../test/models/kokoro.ts";
import { bundlePrograms, type Bundles } from "../test/servers/bundles.ts";
import { freePort, startProgram, until } from "../test/servers/programs.ts";
import { startStack, type TestStack } from "../test/servers/stack.ts";

let stack: TestStack;
let bundles: Bundles;
const modelDir = writeKokoroModel();
beforeAll(async () => {
  [stack, bundles] = await Promise.all([startStack(), bundlePrograms()]);
});
afterAll(async () => {
  bundles.remove();
  rmSync(modelDir, { recursive: true });
  await stack.close();
});

it.each([
  ["process", "wav"],
  ["threads", "ogg"],
] as const)("a bundled worker with a pool of kind %s speaks %s by a generated ONNX model", async (pool, format) => {
  await stack.reset();
  const env = { PATH: process.env["PATH"] ?? "", ...stack.env, PORT: String(await freePort()) };
  const args = [`--pool=${pool}`, "--processes=1", "--speech-engine=kokoro", `--kokoro-model-dir=${modelDir}`];
  const worker = startProgram([process.execPath, bundles.path("worker"), ...args, "--queues=cpu"], {
    cwd: bundles.folder,
    env,
  });
  const params = { text: "Hello from a model. It speaks.", voice: "af_heart", speed: 2, format };
  await insertJob(stack.pool, { id: "4194304", tenant: "default", kind: "speech", queue: "cpu", params });
  let done: Job | undefined;
  const ended = async () => (done = await readJob(stack.pool, "default", "4194304"))?.finishedAt !== undefined;
  await until("the job has ended", ended);
  expect(done).toMatchObject({ state: "succeeded", result: { sampleRate: 24_000 } });
  expect(done?.artifact?.mediaType).toBe(`audio/${format}`);
  const file = readFileSync(join(stack.objects, done?.artifact?.key ?? "none"));
  if (format === "ogg")
    expect([file.toString("latin1", 0, 4), file.toString("latin1", 29, 35)]).toEqual(["OggS", "vorbis"]);
  else expect(readWav(file).samples.length).toBeGreaterThan(24_000);
  expect(await worker.stop("SIGTERM")).toBe(0);
});
