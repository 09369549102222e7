import { Registry } from "prom-client";
import { afterAll, beforeAll, expect, it } from "vitest";
import { recordDrill } from "../../backup/records.ts";
import { startStack, type TestStack } from "../../test/servers/stack.ts";
import { addDrills } from "./drill-metrics.ts";

let stack: TestStack;
beforeAll(async () => {
  stack = await startStack();
});
afterAll(() => stack.close());

it("tells of drills from the database: none yet, one that went well, one that failed after it", async () => {
  const registry = new Registry();
  addDrills(registry, stack.pool);
  const values = async (): Promise<Record<string, number>> => {
    const text = await registry.metrics();
    return Object.fromEntries(
      [...text.matchAll(/^slipway_drill_(\w+) (\S+)$/gm)].map(([, name = "", value]) => [name, Number(value)]),
    );
  };
  await stack.asSuperuser("UPDATE schema_migrations SET applied_at = now() - interval '10 days'");
  const none = await values();
  expect(Object.keys(none)).toEqual(["age_seconds", "failed"]);
  expect([Math.round((none["age_seconds"] ?? 0) / 86_400), none["failed"]]).toEqual([10, 0]);

  const at = (hours: number) => new Date(Date.now() - hours * 3_600_000);
  const times = { recoverySeconds: 8, totalSeconds: 11.5, rtoSeconds: 11.5, rpoSeconds: 30.25 };
  const result = { label: "first", target: "latest", migrationLevel: 3, rows: {}, ...times };
  await recordDrill(stack.pool, { outcome: "succeeded", startedAt: at(6), endedAt: at(5), result });
  const good = await values();
  expect(good).toMatchObject({ failed: 0, rto_seconds: 11.5, rpo_seconds: 30.25 });
  expect(Math.round((good["age_seconds"] ?? 0) / 3600)).toBe(5);

  await recordDrill(stack.pool, { outcome: "failed", startedAt: at(2), endedAt: at(1), faults: ["damaged"] });
  const failed = await values();
  expect(failed).toMatchObject({ failed: 1, rto_seconds: 11.5 });
  expect(Math.round((failed["age_seconds"] ?? 0) / 3600)).toBe(5);
});

it("is silent without a database, and says the rest", async () => {
  const registry = new Registry();
  addDrills(registry, { query: () => Promise.reject(new Error("away")) });
  expect(await registry.metrics()).not.toMatch(/^slipway_drill_\w+ /m);
});
