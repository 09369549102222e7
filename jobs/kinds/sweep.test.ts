import { mkdirSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import type { QueryConfig, QueryResultRow } from "pg";
import { createTestContext } from "../../test/servers/job-context.ts";
import { createTestLog, startStack, type TestStack } from "../../test/servers/stack.ts";
import type { Queryable } from "../database.ts";
import type { ObjectStore } from "../object-store.ts";
import { openObjects } from "../objects.ts";
import { sweep as sweepAll } from "../sweeping.ts";
import sweep from "./sweep.ts";

let stack: TestStack;
let objects: ObjectStore;
beforeAll(async () => {
  stack = await startStack();
  objects = openObjects(stack.env["OBJECTS_URL"] ?? "");
});
afterAll(() => stack.close());
beforeEach(async () => {
  await stack.reset();
  for await (const { key } of objects.list("artifacts")) await objects.remove(key);
});

const NOTHING = { idempotencyKeys: 0, nonces: 0, batches: 0, jobs: 0, artifacts: 0, orphans: 0, unfinished: 0 };

function run(change: { retentionDays?: number; walk?: boolean } = {}) {
  const context = createTestContext({ upkeep: { database: stack.pool, objects } });
  return sweep.perform(context, { retentionDays: 30, orphanHours: 24, walk: true, ...change });
}

/** Ids of this year's first hours: all jobs here are old by their ids. */
const idOf = (number: number) => String(BigInt(number) << 22n);

async function job(number: number, rest: { state?: string; days?: number; batch?: number; attempt?: number } = {}) {
  const { state = "succeeded", days = 31, batch, attempt = 1 } = rest;
  const ended = ["succeeded", "dead", "cancelled"].includes(state);
  const columns = "id, kind, queue, state, params, attempt, worker, finished_at, batch_id";
  const values = [
    ...[idOf(number), "'sum'", "'default'", `'${state}'`, "'{}'", attempt, state === "active" ? 1 : "NULL"],
    ...[ended ? `now() - interval '${days} days'` : "NULL", batch === undefined ? "NULL" : idOf(batch)],
  ];
  await stack.asSuperuser(`INSERT INTO jobs (${columns}) VALUES (${values.join(", ")})`);
}

function keyOf(number: number, attempt = 1): string {
  return `artifacts/0a/${idOf(number)}-${attempt}.wav`;
}

/** A file as old as that, of an attempt of a job. */
function file(key: string, hours: number): void {
  const path = join(stack.objects, key);
  mkdirSync(join(path, ".."), { recursive: true });
  writeFileSync(path, "sound");
  const time = new Date(Date.now() - hours * 3_600_000);
  utimesSync(path, time, time);
}

async function commit(number: number): Promise<void> {
  file(keyOf(number), 24 * 40);
  await stack.asSuperuser(
    `INSERT INTO artifacts VALUES (${idOf(number)}, 1, '${keyOf(number)}', 'audio/wav', 5, 'x', now())`,
  );
}

async function ids(): Promise<number[]> {
  return (await stack.asSuperuser("SELECT (id >> 22)::int AS n FROM jobs ORDER BY id")).map((row) => Number(row["n"]));
}

async function files(): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of objects.list("artifacts")) keys.push(key);
  return keys.sort();
}

it("finds nothing where nothing is", async () => {
  expect(await run()).toEqual(NOTHING);
});

it("takes keys and nonces that have expired", async () => {
  await stack.asSuperuser(`
    INSERT INTO idempotency_keys SELECT 'acme', 'k' || n, '\\x00', n, now() - interval '1 s' FROM generate_series(1, 1200) n;
    INSERT INTO idempotency_keys VALUES ('acme', 'new', '\\x00', 1, now() + interval '1 hour');
    INSERT INTO request_nonces SELECT 'k', 'n' || n, now() - interval '1 s' FROM generate_series(1, 700) n;
    INSERT INTO request_nonces VALUES ('k', 'new', now() + interval '1 min')`);
  expect(await run()).toEqual({ ...NOTHING, idempotencyKeys: 1200, nonces: 700 });
  expect(await stack.asSuperuser("SELECT key FROM idempotency_keys")).toEqual([{ key: "new" }]);
  expect(await stack.asSuperuser("SELECT nonce FROM request_nonces")).toEqual([{ nonce: "new" }]);
});

it("takes jobs that ended long ago, with their files, and no others", async () => {
  await job(1);
  await job(2, { state: "dead" });
  await job(3, { days: 29 });
  await job(4, { state: "queued" });
  await job(5, { state: "active" });
  await job(6, { state: "retrying" });
  await job(7, { state: "blocked" });
  for (const number of [1, 3]) await commit(number);
  expect(await run()).toEqual({ ...NOTHING, jobs: 2, artifacts: 1 });
  expect(await ids()).toEqual([3, 4, 5, 6, 7]);
  expect(await files()).toEqual([keyOf(3)]);
  expect(await run({ retentionDays: 28 })).toEqual({ ...NOTHING, jobs: 1, artifacts: 1 });
});

it("takes the attempts of jobs that go, and no others", async () => {
  await job(1, { attempt: 2 });
  await job(2, { days: 29 });
  const rows = [`${idOf(1)}, 1`, `${idOf(1)}, 2`, `${idOf(2)}, 1`].map((row) => `(${row}, 7, 'failed', now())`);
  await stack.asSuperuser(
    `INSERT INTO attempts (job_id, attempt, worker, outcome, finished_at) VALUES ${rows.join(", ")}`,
  );
  expect(await run()).toEqual({ ...NOTHING, jobs: 1 });
  expect(await stack.asSuperuser("SELECT job_id, attempt FROM attempts")).toEqual([{ job_id: idOf(2), attempt: 1 }]);
});

it("takes batches as a whole: none while a member or the aggregate is young or not at its end", async () => {
  for (const batch of [100, 200, 300]) {
    await stack.asSuperuser(`INSERT INTO batches VALUES (${idOf(batch)}, 'acme', 'sum', 2, NULL, now())`);
    await job(batch + 1, { batch });
  }
  await job(102, { batch: 100 });
  await job(202, { batch: 200, days: 3 });
  await job(302, { batch: 300, state: "blocked" });
  expect(await run()).toEqual({ ...NOTHING, batches: 1, jobs: 2 });
  expect(await ids()).toEqual([201, 202, 301, 302]);
});

it("takes files of attempts that never committed, and no file that is needed or young", async () => {
  await job(1, { days: 1, attempt: 2 });
  await commit(1);
  file(keyOf(1, 2), 25);
  await job(2, { state: "active", attempt: 3 });
  file(keyOf(2, 2), 25);
  file(keyOf(2, 3), 25);
  file(keyOf(3), 25);
  file(keyOf(4), 23);
  file("artifacts/readme.txt", 1000);
  expect(await run({ walk: false })).toEqual(NOTHING);
  expect(await run()).toEqual({ ...NOTHING, orphans: 3 });
  expect(await files()).toEqual([keyOf(1), keyOf(2, 3), keyOf(4), "artifacts/readme.txt"].sort());
});

it("finds what an earlier sweep left behind that was ended between rows and files", async () => {
  for (const number of [1, 2, 3]) {
    await job(number);
    await commit(number);
  }
  await job(9, { days: 1 });
  let removed = 0;
  const dying: ObjectStore = {
    ...objects,
    remove: async (key) => {
      if (removed === 1) throw new Error("killed");
      removed += 1;
      await objects.remove(key);
    },
  };
  const context = createTestContext({ upkeep: { database: stack.pool, objects: dying } });
  const params = { retentionDays: 30, orphanHours: 24, walk: true };
  await expect(sweep.perform(context, params)).rejects.toThrow("killed");
  expect(await ids()).toEqual([9]);
  expect(await files()).toHaveLength(2);
  expect(await run()).toEqual({ ...NOTHING, orphans: 2 });
  expect(await files()).toEqual([]);
});

it("leaves the files of a store alone of which the database knows none", async () => {
  for (let number = 1; number <= 120; number += 1) file(keyOf(number), 100);
  const { log, lines } = createTestLog();
  const { signal } = new AbortController();
  const how = { database: stack.pool, objects, log, signal, retentionDays: 30, orphanHours: 24, walk: true };
  expect(await sweepAll(how)).toEqual(NOTHING);
  expect(lines).toContainEqual(expect.objectContaining({ level: 50, files: 120 }));
  expect(await files()).toHaveLength(120);
});

it("goes in small steps, and ends between two of them when it is told to", async () => {
  await stack.asSuperuser(`INSERT INTO jobs (id, kind, queue, state, params, finished_at)
    SELECT n::bigint << 22, 'sum', 'default', 'succeeded', '{}', now() - interval '60 days' FROM generate_series(1, 1100) n`);
  const controller = new AbortController();
  let steps = 0;
  const database: Queryable = {
    query: <Row extends QueryResultRow>(statement: QueryConfig) => {
      if (statement.name === "sweep-jobs" && (steps += 1) === 2) controller.abort(new Error("the worker stops"));
      return stack.pool.query<Row>(statement);
    },
  };
  const context = createTestContext({ upkeep: { database, objects }, signal: controller.signal });
  await expect(sweep.perform(context, { retentionDays: 30, orphanHours: 24, walk: true })).rejects.toThrow("abort");
  expect(await ids()).toHaveLength(100);
});

it("needs the worker's own process", async () => {
  await expect(sweep.perform(createTestContext(), { retentionDays: 30, orphanHours: 24, walk: true })).rejects.toThrow(
    "in the worker's own process only",
  );
});
