import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { healthSettings } from "../../configs/health-settings.ts";
import { startStack, type TestStack } from "../../test/servers/stack.ts";
import { judgeDatabase, judgeQueues, QUESTION, readJobStore, type JobStore } from "./job-store.ts";

let stack: TestStack;
beforeAll(async () => {
  stack = await startStack();
});
afterAll(() => stack.close());
beforeEach(async () => {
  await stack.asSuperuser("TRUNCATE jobs, attempts, outbox, workers, dependencies CASCADE");
});

const world = { stack: "dev", settings: healthSettings(undefined) };

async function ask(): Promise<JobStore> {
  const [row] = await stack.asSuperuser(QUESTION);
  return readJobStore(Object.values(row ?? {})[0]);
}

const worker = (seconds: number) =>
  stack.asSuperuser(
    `INSERT INTO workers (id, name, queues, lease_until) OVERRIDING SYSTEM VALUE VALUES (7, 'one', '{default}', now() + interval '${seconds} s')`,
  );

const job = (id: number, values: Readonly<Record<string, string>>) => {
  const all = { id: String(id), kind: "'sum'", queue: "'default'", params: "'{}'", ...values };
  return stack.asSuperuser(`INSERT INTO jobs (${Object.keys(all).join()}) VALUES (${Object.values(all).join()})`);
};

it("a store with work under way has nothing against it", async () => {
  await worker(30);
  await job(1, { state: "'active'", worker: "7", attempt: "1" });
  await job(2, { state: "'blocked'" });
  await stack.asSuperuser("INSERT INTO dependencies (on_id, job_id) VALUES (1, 2)");
  expect(await ask()).toMatchObject({ orphans: 0, stuck: 0, blocked: 0, outbox: 0, queues: {} });
  expect(judgeDatabase(await ask(), world)).toMatchObject({ state: "good" });
  expect(judgeQueues(await ask(), world)).toEqual({ state: "good", detail: "nothing waits" });
});

it("finds jobs of workers that are gone, and of those whose lease is long over", async () => {
  await worker(-200);
  await job(1, { state: "'active'", worker: "7" });
  await job(2, { state: "'active'", worker: "8" });
  expect(judgeDatabase(await ask(), world)).toMatchObject({
    ...{ state: "bad", detail: "2 jobs held by workers that are gone" },
  });
});

it("finds an attempt that has ended while its job goes on, and a job that waits for nothing", async () => {
  await worker(30);
  await job(1, { state: "'active'", worker: "7", attempt: "1" });
  await stack.asSuperuser("INSERT INTO attempts (job_id, attempt, worker, outcome) VALUES (1, 1, 7, 'succeeded')");
  await job(2, { state: "'blocked'" });
  await job(3, { state: "'succeeded'" });
  await stack.asSuperuser("INSERT INTO dependencies (on_id, job_id) VALUES (3, 2)");
  expect(await ask()).toMatchObject({ orphans: 1, blocked: 1 });
  const { detail } = judgeDatabase(await ask(), world);
  expect(detail).toBe("1 job active although their attempt has ended; 1 job blocked by nothing");
});

it("finds wake-ups that nobody hands on", async () => {
  const insert = (ago: number) =>
    `INSERT INTO outbox (job_id, attempt, queue, priority, run_at) VALUES (1, 0, 'default', 0, now() - interval '${ago} s')`;
  await stack.asSuperuser(insert(5));
  expect(await ask()).toMatchObject({ outbox: 0 });
  await stack.asSuperuser(insert(500));
  expect(judgeDatabase(await ask(), world)).toMatchObject({ detail: "1 wake-up not handed on to Redis" });
});

it("says how long the oldest job waits that may run, by queue", async () => {
  await job(1, { run_at: "now() - interval '90 s'" });
  await job(2, { run_at: "now() + interval '1 h'", queue: "'cpu'" });
  expect(judgeQueues(await ask(), world)).toMatchObject({ state: "warning", detail: "default waits 1 min 30 s" });
  await job(3, { run_at: "now() - interval '700 s'", queue: "'gpu'" });
  expect(judgeQueues(await ask(), world)).toMatchObject({ state: "bad", detail: "gpu waits 11 min 40 s" });
});

it("is unknown where Postgres is no container of the stack", () => {
  expect(judgeDatabase(undefined, world).state).toBe("unknown");
  expect(judgeQueues(undefined, world).state).toBe("unknown");
});
