import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, it } from "vitest";
import { loadRuntime } from "../configs/runtime.ts";
import { createTestLog, startStack, type TestStack } from "../test/servers/stack.ts";
import { NEWEST, readDeployments, writeDeployments, type DeploymentRow } from "./deployments-table.ts";
import { look } from "./look.ts";
import { migrationsFolder, readMigrations } from "./migrations.ts";
import { openRedis } from "./redis.ts";
import { SCHEMA_LEVEL } from "./schema-level.ts";

let stack: TestStack;
let redis: ReturnType<typeof openRedis>;
const migrations = readMigrations(migrationsFolder());
beforeAll(async () => {
  stack = await startStack();
  redis = openRedis(loadRuntime("api", stack.env), createTestLog().log);
  redis.connect().catch(() => undefined);
});
afterAll(async () => {
  redis.disconnect();
  await stack.close();
});

it("says what the database has, what of this release waits, and how long work does", async () => {
  await stack.asSuperuser(
    `INSERT INTO jobs (id, kind, queue, params, run_at) VALUES (1, 'sum', 'cpu', '{}', now() - interval '90 s')`,
  );
  const later = { version: 99, file: "0099-later.sql", phase: "contract", sql: "", checksum: "" } as const;
  const seen = await look(stack.pool, redis, [...migrations, later]);
  expect(seen).toMatchObject({ failing: [], waiting: ["0099-later.sql"] });
  expect(seen.applied.at(-1)).toMatchObject({ version: SCHEMA_LEVEL, phase: "expand" });
  expect(seen.oldestDueSeconds).toBeGreaterThanOrEqual(90);
});

it("takes a database of before there were phases", async () => {
  await stack.asSuperuser("ALTER TABLE schema_migrations DROP COLUMN phase");
  const seen = await look(stack.pool, redis, migrations);
  expect(seen.applied[0]).toEqual({ version: 1, file: "0001-jobs.sql", phase: null });
});

it("writes a deployment down once, and what became of it later", async () => {
  const begun: DeploymentRow = {
    ...{ id: randomUUID(), number: 3, command: "slipway deploy", by: "me@here", version: "0.1.0" },
    startedAt: "2026-11-29T02:00:00.000Z",
  };
  const ended = { endedAt: "2026-11-29T02:01:00.000Z", outcome: "failed", reason: "never healthy" } as const;
  await writeDeployments(stack.pool, [begun, { ...begun, id: randomUUID(), number: 4 }]);
  await writeDeployments(stack.pool, [{ ...begun, ...ended, images: { api: "sha256:1" }, schemaAfter: 4 }]);
  expect(
    await stack.asSuperuser("SELECT number, outcome, reason, images, schema_after FROM deployments ORDER BY number"),
  ).toEqual([
    { number: 3, outcome: "failed", reason: "never healthy", images: { api: "sha256:1" }, schema_after: 4 },
    { number: 4, outcome: null, reason: null, images: null, schema_after: null },
  ]);
});

it("tells of the newest deployments, oldest first, as a log would have them", async () => {
  await stack.asSuperuser("DELETE FROM deployments");
  const record = (number: number): DeploymentRow => ({
    ...{ id: randomUUID(), number, command: "make up", by: "me@there", version: `0.${number}.0` },
    startedAt: new Date(Date.UTC(2026, 10, 29, 2, 0, 0, number)).toISOString(),
  });
  const whole: DeploymentRow = {
    ...record(NEWEST + 1),
    ...{
      images: { api: "sha256:1", worker: "sha256:2" },
      schemaNeeds: 3,
      schemaBefore: 3,
      schemaAfter: 4,
      backup: "20261129-020000F",
    },
    ...{ endedAt: "2026-11-29T02:01:00.123Z", outcome: "succeeded", step: "Truth", serving: "0.2.0" },
  };
  const others = Array.from({ length: NEWEST }, (_, index) => record(index + 1));
  await writeDeployments(stack.pool, [whole, ...others]);
  expect(await readDeployments(stack.pool)).toEqual([...others.slice(1), whole]);
  // Who heard of it from a release that knew nothing of needs does not take them away.
  const { schemaNeeds, ...heard } = whole;
  expect(schemaNeeds).toBe(3);
  await writeDeployments(stack.pool, [heard]);
  expect((await readDeployments(stack.pool)).at(-1)).toEqual(whole);
});

it("says what is away, and leaves out what only that would know", async () => {
  await stack.redis.close();
  expect((await look(stack.pool, redis, migrations)).failing).toEqual([
    expect.objectContaining({ dependency: "redis" }),
  ]);
  await stack.postgres.close();
  const seen = await look(stack.pool, redis, migrations);
  expect(seen.failing.map(({ dependency }) => dependency)).toEqual(["database", "migrations", "redis"]);
  expect(seen.applied).toEqual([]);
});
