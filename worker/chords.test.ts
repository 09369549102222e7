import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { afterAll, beforeAll, expect, it } from "vitest";
import { fromBufferPromise } from "yauzl";
import { testAuthorization } from "../test/servers/credentials.ts";
import { freePort, startProgram, until, type RunningProgram } from "../test/servers/programs.ts";
import { startStack, type TestStack } from "../test/servers/stack.ts";

let stack: TestStack;
let url: string;
const running: RunningProgram[] = [];
beforeAll(async () => {
  stack = await startStack();
  const queues = { WORKER_QUEUES: "default,cpu,maintenance", WORKER_PROCESSES: "1" };
  [url] = await Promise.all([start("app"), start("worker", queues)]);
}, 120_000);
afterAll(async () => {
  await Promise.all(running.map((program) => program.stop("SIGTERM")));
  await stack.close();
});

async function start(program: string, env: Record<string, string> = {}): Promise<string> {
  const port = await freePort();
  const one = startProgram([process.execPath, join(import.meta.dirname, "..", program, "main.ts")], {
    env: { PATH: process.env["PATH"] ?? "", ...stack.env, PORT: String(port), ...env },
  });
  running.push(one);
  const ready = () =>
    fetch(`http://127.0.0.1:${port}/health/ready`).then(
      ({ ok }) => ok,
      () => false,
    );
  await until(`${program} is ready; it said ${one.output()}`, ready, 60_000);
  return `http://127.0.0.1:${port}`;
}

async function ask(path: string, body?: unknown): Promise<Record<string, unknown>> {
  const json = { method: "POST", body: JSON.stringify(body) };
  const headers = { ...(await testAuthorization()), ...(body !== undefined && { "content-type": "application/json" }) };
  const answer = await fetch(`${url}/api/v1/${path}`, { headers, ...(body !== undefined && json) });
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
  return (await answer.json()) as Record<string, unknown>;
}

/** Makes a batch and gives the job that aggregates it, at its end. */
async function chord(body: unknown): Promise<Record<string, unknown>> {
  const { aggregateId } = await ask("batches", body);
  let job: Record<string, unknown> = {};
  await until("the aggregate has ended", async () => {
    job = await ask(`jobs/${String(aggregateId)}`);
    return ["succeeded", "dead", "cancelled"].includes(String(job["state"]));
  });
  return job;
}

it("a list of sums becomes one", async () => {
  const members = Array.from({ length: 250 }, (_, index) => ({ numbers: [index, 0.5] }));
  expect(await chord({ kind: "sum", members })).toMatchObject({
    kind: "total",
    state: "succeeded",
    result: { sum: (249 * 250) / 2 + 125, counted: 250, missing: 0 },
  });
});

it("a batch of texts becomes one zip with a manifest", async () => {
  const members = [{ text: "One." }, { text: "Two words." }, { text: "?", voice: "none-such" }];
  const job = await chord({ kind: "speech", members, onMemberFailure: "continue" });
  expect(job).toMatchObject({ kind: "archive", state: "succeeded", result: { members: 3, files: 2 } });
  const answer = await fetch(`${url}/api/v1/jobs/${String(job["id"])}/artifact`, {
    headers: await testAuthorization(),
  });
  const zip = await fromBufferPromise(Buffer.from(await answer.arrayBuffer()));
  const files = new Map<string, Buffer>();
  for await (const entry of zip.eachEntry()) {
    files.set(entry.fileName, await buffer(await zip.openReadStreamPromise(entry)));
  }
  expect([...files.keys()]).toEqual(["manifest.json", "00000.wav", "00001.wav"]);
  expect(files.get("00001.wav")?.subarray(0, 4).toString()).toBe("RIFF");
  const manifest = JSON.parse(String(files.get("manifest.json"))) as { members: Record<string, unknown>[] };
  expect(manifest.members.map(({ state, file }) => [state, file])).toEqual([
    ["succeeded", "00000.wav"],
    ["succeeded", "00001.wav"],
    ["dead", null],
  ]);
  expect(manifest.members[1]).toMatchObject({ bytes: files.get("00001.wav")?.length });
  expect(Number(manifest.members[1]?.["durationSeconds"])).toBeGreaterThan(0.2);
});

it("the sweep runs by its schedule, in the process that has the database", async () => {
  const due = "UPDATE schedules SET next_at = now() WHERE name = 'sweep-files' RETURNING name";
  await until("the schedule is there", async () => (await stack.asSuperuser(due)).length === 1);
  let result: unknown;
  await until("the sweep has ended", async () => {
    const [row] = await stack.asSuperuser("SELECT result FROM jobs WHERE kind = 'sweep' AND state = 'succeeded'");
    result = row?.["result"];
    return row !== undefined;
  });
  expect(result).toMatchObject({ jobs: 0, artifacts: 0, orphans: 0, unfinished: 0 });
  expect(await stack.asSuperuser("SELECT count(*)::int AS n FROM artifacts")).toEqual([{ n: 3 }]);
});
