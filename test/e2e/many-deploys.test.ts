import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { percentile } from "../../bench/stats.ts";
import { SCHEMA_LEVEL } from "../../jobs/schema-level.ts";
import { until } from "../servers/programs.ts";
import { startLoad, type RunningLoad } from "./client.ts";
import { startLockHolder } from "./lock-holder.ts";
import { lostJobs } from "./lost-jobs.ts";
import { migrationFile } from "./migration-file.ts";
import { makeOpsStack, type OpsStack } from "./ops-stack.ts";
import { docker } from "./stack.ts";

/** One release after another, each with a migration of the table that everything goes through; `make deploys-long` says how many. */
const DEPLOYS = Number(process.env["DEPLOYS"] ?? 2);

/** Requests that go by with each deploy: where it was quicker, the next one waits for them. Many of them where deploys are: a million with fifty. */
const REQUESTS_A_DEPLOY = process.env["DEPLOYS"] === undefined ? 0 : 20_000;

/** A token outlasts all of them. */
const HOURS = 12;

let stack: OpsStack;
let load: RunningLoad;
let holder: { stop(): Promise<number> };
let begun: number;
/** Times that a migration found a lock held and came again. */
let waits = 0;

beforeAll(async () => {
  // Clients ask as fast as they can.
  stack = await makeOpsStack("  slipway:api: { rateLimitPerSecond: 0 }\n");
  await stack.up();
  const to = { url: stack.url, token: await stack.token(HOURS) };
  begun = performance.now();
  load = startLoad(to, REQUESTS_A_DEPLOY === 0 ? 4 : 8, { read: "/api/v1/jobs?limit=1", jobEvery: 10 });
  holder = startLockHolder(sql);
});
afterAll(() => stack.remove());

const sql = (text: string) => stack.sql(text);

const migration = (level: number) => `jobs/migrations/${migrationFile(level)}`;

/** The next release: one brings a column, the one after it takes that away again, as nobody uses it any more. */
function release(deploy: number): string {
  const version = `0.1.${deploy}`;
  stack.checkout.release(`0.1.${deploy - 1}`, version);
  const level = SCHEMA_LEVEL + deploy;
  const adds = deploy % 2 === 1;
  stack.checkout.write(
    migration(level),
    adds
      ? `-- phase: expand\nALTER TABLE jobs ADD COLUMN test_${deploy} int NOT NULL DEFAULT 0;\n`
      : `-- phase: contract\nALTER TABLE jobs DROP COLUMN test_${deploy - 1};\n`,
  );
  const needs = deploy === 1 ? SCHEMA_LEVEL : level - 2;
  if (adds) stack.checkout.edit("jobs/schema-level.ts", `= ${needs};`, `= ${level};`);
  return version;
}

describe("deploys, one after another", () => {
  it.each(Array.from({ length: DEPLOYS }, (_, n) => n + 1))(
    "number %i brings its version and migrates, while somebody locks the table",
    async (deploy) => {
      const version = release(deploy);
      const { code, output } = await stack.slipway("deploy", "--yes", "--no-backup").ended;
      expect(code, output).toBe(0);
      expect(await stack.served()).toBe(version);
      expect(await sql("SELECT max(version) FROM schema_migrations")).toBe(String(SCHEMA_LEVEL + deploy));
      for (const name of await stack.containers("migrate"))
        waits += (await docker("logs", name)).output.split("a lock is held").length - 1;
      await until("enough requests went by", () => load.sent() >= deploy * REQUESTS_A_DEPLOY, 600_000);
    },
  );

  it("were noticed by no client, and every job that was accepted is done", async () => {
    const locks = await holder.stop();
    const { requests, failures, accepted, milliseconds } = await load.stop();
    const minutes = (performance.now() - begun) / 60_000;
    const lost = await lostJobs(sql, accepted);
    const ms = (rank: number) => percentile(milliseconds, rank).toFixed(1);
    console.log(
      `${DEPLOYS} deploys in ${minutes.toFixed(1)} min: ${requests} requests, ${failures.length} failed, p50 ${ms(50)} ms, p99 ${ms(99)} ms, ` +
        `longest ${(percentile(milliseconds, 100) / 1000).toFixed(1)} s; ${accepted.length} jobs, ${lost.length} lost; ` +
        `${locks} locks of others, for which migrations came again ${waits} times`,
    );
    expect(failures).toEqual([]);
    expect(lost).toEqual([]);
    expect(accepted.length).toBeGreaterThan(DEPLOYS * 10);
    expect(locks).toBeGreaterThan(DEPLOYS);
    // Of two, none may come upon a lock.
    if (REQUESTS_A_DEPLOY > 0) expect(waits).toBeGreaterThan(DEPLOYS / 5);
  });
});
