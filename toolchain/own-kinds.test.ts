import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { copyCheckout, type Checkout } from "../test/servers/checkout.ts";
import { testAuthorization } from "../test/servers/credentials.ts";
import { freePort, startProgram, until, type RunningProgram } from "../test/servers/programs.ts";
import { startStack, type TestStack } from "../test/servers/stack.ts";
import { runCommand } from "./command.ts";
import { writeNewJob } from "./new-job.ts";

/** Files of docs/kinds.md: a line with a path, and the code below it. */
function documented(): { path: string; code: string }[] {
  const text = readFileSync(join(import.meta.dirname, "../docs/kinds.md"), "utf8");
  return [...text.matchAll(/^`(jobs\/kinds\/[a-z-]+\.ts)`\n\n```ts\n(.*?)^```$/gms)].map(
    ([, path = "", code = ""]) => ({
      path,
      code,
    }),
  );
}

let stack: TestStack;
let checkout: Checkout;
let url: string;
const running: RunningProgram[] = [];
beforeAll(async () => {
  stack = await startStack();
  checkout = copyCheckout();
  for (const { path, code } of documented()) writeFileSync(join(checkout.root, path), code);
  writeNewJob(checkout.root, "resize-image", "cpu");
  [url] = await Promise.all([start("app"), start("worker", { WORKER_QUEUES: "default,cpu", WORKER_PROCESSES: "1" })]);
}, 120_000);
afterAll(async () => {
  await Promise.all(running.map((program) => program.stop("SIGTERM")));
  checkout.remove();
  await stack.close();
});

async function start(program: string, env: Record<string, string> = {}): Promise<string> {
  const port = await freePort();
  const one = startProgram([process.execPath, join(checkout.root, program, "main.ts")], {
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

interface View {
  id: string;
  state: string;
  result: unknown;
  error: unknown;
  aggregateId: string;
}

async function ask(path: string, body?: unknown): Promise<View> {
  const headers = {
    ...(await testAuthorization()),
    ...(body !== undefined && { "content-type": "application/json" }),
  };
  const answer = await fetch(`${url}/api/v1/${path}`, {
    headers,
    ...(body !== undefined && { method: "POST", body: JSON.stringify(body) }),
  });
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
  return (await answer.json()) as View;
}

async function ended(id: string): Promise<View> {
  let view: View | undefined;
  await until(`job ${id} has ended`, async () => {
    view = await ask(`jobs/${id}`);
    return ["succeeded", "dead", "cancelled"].includes(view.state);
  });
  if (!view) throw new Error(`job ${id} is gone`);
  return view;
}

it("the documentation shows three kinds, and they pass the compiler", async () => {
  const files = documented().map(({ path }) => path);
  expect(files).toEqual(["jobs/kinds/count-words.ts", "jobs/kinds/sum-words.ts", "jobs/kinds/tick.ts"]);
  writeFileSync(
    join(checkout.root, "tsconfig.kinds.json"),
    JSON.stringify({ extends: "./tsconfig.json", include: files }),
  );
  const bin = join(checkout.root, "node_modules/.bin");
  await runCommand(join(bin, "node"), [join(bin, "tsc"), "-p", "tsconfig.kinds.json"], { cwd: checkout.root });
}, 60_000);

it("a kind that was added runs through API and worker", async () => {
  const { id } = await ask("jobs", { kind: "resize-image", params: { text: "hello" } });
  expect(await ended(id)).toMatchObject({ state: "succeeded", result: { characters: 5 } });
  await expect(ask("jobs", { kind: "resize-image", params: { text: 5 } })).rejects.toThrow("422");
});

it("the documented kind makes its result and its file, and is dead at once where no retry helps", async () => {
  const { id } = await ask("jobs", { kind: "count-words", params: { text: "one two two" } });
  expect(await ended(id)).toMatchObject({ state: "succeeded", result: { words: 3, different: 2 } });
  const file = await fetch(`${url}/api/v1/jobs/${id}/artifact`, { headers: await testAuthorization() });
  expect(await file.text()).toBe("one,1\ntwo,2\n");
  const hopeless = await ask("jobs", { kind: "count-words", params: { text: "42" } });
  expect(await ended(hopeless.id)).toMatchObject({ state: "dead", attempt: 1, error: { code: "no-words" } });
});

it("its batch is summed up", async () => {
  const members = [{ text: "one two" }, { text: "1 2 3" }, { text: "three" }];
  const { aggregateId } = await ask("batches", { kind: "count-words", members, onMemberFailure: "continue" });
  expect(await ended(aggregateId)).toMatchObject({ state: "succeeded", result: { words: 3, failed: 1 } });
});

it("its schedules fire under the tenant `system`", async () => {
  const rewind = `UPDATE schedules SET next_at = now() WHERE name LIKE 'tick-%' RETURNING name`;
  await until("both schedules are there", async () => (await stack.asSuperuser(rewind)).length === 2);
  // No credential is of that tenant, so only the database can tell.
  const results = `SELECT j.result FROM schedules s JOIN jobs j ON j.id = s.last_job_id
                   WHERE s.name LIKE 'tick-%' AND j.tenant = 'system' AND j.state = 'succeeded' ORDER BY 1`;
  await until("both jobs are done", async () => (await stack.asSuperuser(results)).length === 2);
  const rows = await stack.asSuperuser(results);
  expect(rows.map(({ result }) => result)).toEqual(["an hour is over", "good morning"]);
});

it("kinds of upkeep cannot be asked for", async () => {
  const params = { retentionDays: 1, orphanHours: 1, walk: true };
  await expect(ask("jobs", { kind: "sweep", params })).rejects.toThrow(/jobs: 4\d\d .*sweep/);
});
