import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Client } from "pg";
import { migrateDatabase, createTestLog, startStack, type TestStack } from "../../test/servers/stack.ts";
import { query, startPostgres, type TestPostgres } from "../../test/servers/postgres.ts";
import { loadRuntime } from "../../configs/runtime.ts";
import { insertJob } from "../../jobs/store.ts";
import { ROOT } from "../../toolchain/folders.ts";
import { Busy } from "../lock.ts";
import { drillOnRds, type DrillArgs } from "./drill.ts";
import { readPages } from "./pages.ts";
import { alone } from "./serving.ts";

/** The one that serves, and another server in the place of what RDS would restore. */
let serving: TestStack;
let restored: TestPostgres;
let env: Readonly<Record<string, string>>;
beforeAll(async () => {
  [serving, restored] = await Promise.all([startStack(), startPostgres()]);
  await restored.createDatabase();
  const tags = JSON.stringify({ "slipway:drill": "prod" });
  env = { ...serving.env, DRILL_SOURCE: "serving-1", DRILL_INSTANCE: "drill-1", DRILL_TAGS: tags };
});
afterAll(async () => {
  await Promise.all([serving.close(), restored.close()]);
});

let done: string[];
/** What the next drill finds of one that was killed. */
let isLeft: boolean;
let signal: AbortController;
beforeEach(async () => {
  [done, isLeft, signal] = [[], false, new AbortController()];
  await serving.reset();
  await serving.pool.query("DELETE FROM drills");
  await query(restored.port, "DROP SCHEMA public CASCADE; CREATE SCHEMA public AUTHORIZATION slipway_owner", "test_1");
  await query(restored.port, "GRANT USAGE ON SCHEMA public TO slipway_app", "test_1");
  await migrateDatabase({ ...serving.env, DATABASE_PORT: String(restored.port) });
});

const instance = (): DrillArgs["instance"] => ({
  restore: () => {
    done.push("restore");
    // Another name of the same machine.
    return Promise.resolve({ host: "localhost", port: restored.port });
  },
  remove: () => {
    done.push("remove");
    return Promise.resolve(isLeft);
  },
  abandon: () => {
    done.push("abandon");
    return Promise.resolve();
  },
});

const config = () => loadRuntime("drill", env);
function drill(more: Partial<DrillArgs> = {}) {
  const steps: string[] = [];
  const { log, lines } = createTestLog();
  const onProgress = ({ step }: { readonly step: string }) => {
    steps.push(step);
  };
  const result = drillOnRds({
    config: config(),
    instance: instance(),
    log,
    signal: signal.signal,
    onProgress,
    ...more,
  });
  return { result, steps, lines };
}
interface Noted {
  readonly outcome: string;
  readonly label: string | null;
  readonly rpo: number | null;
  readonly level: number | null;
  readonly faults: readonly string[];
}
const NOTED = "SELECT outcome, label, rpo_seconds AS rpo, migration_level AS level, faults FROM drills ORDER BY id";
const noted = async () => (await serving.pool.query<Noted>(NOTED)).rows;
const inRestored = (sql: string) => query(restored.port, sql, "test_1");

/** A job of the product's, in both or in the one that serves alone. */
async function job(id: string, at: string, where: "both" | "serving"): Promise<void> {
  await insertJob(serving.pool, { id, tenant: "a", kind: "sum", queue: "default", params: { numbers: [1] } });
  await serving.pool.query("UPDATE jobs SET created_at = $1 WHERE id = $2", [at, id]);
  if (where === "serving") return;
  await inRestored(
    `INSERT INTO jobs (id, tenant, kind, queue, params, created_at) VALUES (${id}, 'a', 'sum', 'default', '{"numbers": [1]}', '${at}')`,
  );
}

describe("a drill of a database of RDS", () => {
  it("restores, looks, does a job, measures, removes, and notes it in the one that serves", async () => {
    await job("1", "2026-11-29T02:00:00Z", "both");
    await job("2", "2026-11-29T02:04:00Z", "serving");
    const { result, steps } = drill();
    const { rows, ...measured } = await result;
    expect(measured).toMatchObject({ label: "serving-1", reached: "2026-11-29T02:00:00.000Z", rpoSeconds: 240 });
    expect(measured.rtoSeconds).toBeGreaterThanOrEqual(measured.recoverySeconds);
    expect(rows["jobs"]).toBe(1);
    expect(steps).toEqual(["leftovers", "restore", "contents", "smoke job", "pages", "removal"]);
    expect(done).toEqual(["remove", "restore", "remove"]);
    const { migrationLevel: level } = measured;
    expect(await noted()).toEqual([{ outcome: "succeeded", label: "serving-1", rpo: 240, level, faults: [] }]);
    // Nothing of the check's own is left, and no other job was touched.
    expect(await inRestored("SELECT id, state, attempt FROM jobs")).toEqual([{ id: "1", state: "queued", attempt: 0 }]);
    expect(await inRestored("SELECT count(*)::int AS n FROM workers")).toEqual([{ n: 0 }]);
  });

  it("says that one that was killed had left something", async () => {
    isLeft = true;
    const { result, lines } = drill();
    await result;
    expect(JSON.stringify(lines)).toContain("left by a drill that was killed");
  });

  it.each([
    ["has no schema", "DROP SCHEMA public CASCADE; CREATE SCHEMA public", /schema_migrations|no migrations/],
    ["has lost all rows", "SELECT 1", /has no commit of the product/],
    ["takes no job", "ALTER TABLE jobs ADD CHECK (queue <> 'restore-check')", /violates check constraint/],
    ["has a job that does not end", "REVOKE UPDATE ON jobs FROM slipway_app", /permission denied/],
  ])("fails where what was restored %s, and is noted with why", async (_what, sql, said) => {
    await job("1", "2026-11-29T02:00:00Z", sql === "SELECT 1" ? "serving" : "both");
    await inRestored(sql);
    await expect(drill().result).rejects.toThrow(said);
    expect(done).toEqual(["remove", "restore", "remove"]);
    expect(await noted()).toMatchObject([{ outcome: "failed", faults: [expect.stringMatching(said)] }]);
  });

  it("fails where RDS refuses, and where the instance does not go", async () => {
    const refusing = { ...instance(), restore: () => Promise.reject(new Error("RDS has no room")) };
    await expect(drill({ instance: refusing }).result).rejects.toThrow("RDS has no room");
    let removals = 0;
    const staying = {
      ...instance(),
      remove: () => ((removals += 1) === 1 ? Promise.resolve(false) : Promise.reject(new Error("it stays"))),
    };
    await expect(drill({ instance: staying }).result).rejects.toThrow("it stays");
    expect((await noted()).map(({ faults }) => faults)).toEqual([["RDS has no room"], ["it stays"]]);
  });

  it("never takes the one that serves for the restored one", async () => {
    const wrong = { ...instance(), restore: () => Promise.resolve({ host: "127.0.0.1", port: restored.port }) };
    await expect(drill({ instance: wrong }).result).rejects.toThrow(/which serves; must be another one/);
  });

  it("is alone: another one is refused, and not noted", async () => {
    await alone(config(), async () => {
      await expect(drill().result).rejects.toThrow(Busy);
    });
    expect([done, await noted()]).toEqual([[], []]);
    await drill().result;
  });

  it("that is told to end gives the instance up at once, and is not noted: it says nothing of the backups", async () => {
    const told = {
      ...instance(),
      restore: () => {
        signal.abort(new Error("SIGTERM received"));
        return Promise.reject(new Error("aborted"));
      },
    };
    await expect(drill({ instance: told }).result).rejects.toThrow("SIGTERM received");
    expect([done, await noted()]).toEqual([["remove", "abandon"], []]);
  });
});

/** The head of a page of a server that stands still: it has no checksums, as RDS' have, by which the rest would show too. */
function damage(folder: string, file: string, page: number): void {
  const path = join(folder, file);
  const bytes = readFileSync(path);
  writeFileSync(path, bytes.fill(0xa5, page * PAGE, page * PAGE + 24));
}
const PAGE = 8192;

describe("pages", () => {
  it("that are damaged are found: in a table, where an index would do to count, and beside it", async () => {
    const all = await startPostgres();
    try {
      const sql = (text: string) => query(all.port, text);
      await sql("CREATE TABLE t (id int PRIMARY KEY, long text)");
      await sql("ALTER TABLE t ALTER COLUMN long SET STORAGE EXTERNAL");
      await sql("INSERT INTO t SELECT n, repeat('x', 9000) FROM generate_series(1, 3) AS n");
      await sql("CHECKPOINT");
      const read = async () => {
        const client = new Client({ host: "127.0.0.1", port: all.port, user: "postgres", database: "postgres" });
        await client.connect();
        return readPages(client, ["t"]).finally(() => client.end());
      };
      expect(await read()).toBeGreaterThan(27_000);
      const [place] = await sql(
        "SELECT current_setting('data_directory') AS folder, pg_relation_filepath('t') AS own, pg_relation_filepath(reltoastrelid) AS beside FROM pg_class WHERE relname = 't'",
      );
      for (const file of [place?.["own"], place?.["beside"]]) {
        await all.kill();
        const [folder, name] = [String(place?.["folder"]), String(file)];
        const whole = readFileSync(join(folder, name));
        damage(folder, name, 0);
        await all.start();
        await expect(read()).rejects.toThrow(/invalid page in block 0/);
        await all.kill();
        writeFileSync(join(folder, name), whole);
        await all.start();
      }
      expect(await read()).toBeGreaterThan(27_000);
    } finally {
      await all.close();
    }
  });
});

describe("node backup/rds/main.ts", () => {
  const run = (...args: readonly string[]) => {
    const { status, stdout, stderr } = spawnSync(process.execPath, ["backup/rds/main.ts", ...args], {
      ...{ cwd: ROOT, env: { PATH: process.env["PATH"] ?? "", ...env }, encoding: "utf8", timeout: 25_000 },
    });
    return { status, said: stdout === "" ? undefined : (JSON.parse(stdout) as unknown), stderr };
  };

  it("counts what a restore to a moment would lose, and what would be done again", async () => {
    await job("1", "2026-11-29T02:00:00Z", "serving");
    await job("2", "2026-11-29T02:10:00Z", "serving");
    await job("3", "2026-11-29T02:11:00Z", "serving");
    await serving.pool.query("UPDATE jobs SET finished_at = '2026-11-29T02:20:00Z' WHERE id = 1");
    const { status, said } = run("losses", "2026-11-29T02:05:00Z");
    expect([status, said]).toEqual([0, { event: "result", result: { jobsLost: 2, jobsAgain: 1 } }]);
  });

  it.each([
    [[]],
    [["losses"]],
    [["losses", "yesterday"]],
    [["drill", "now"]],
    [["losses", "2026-11-29T02:05:00Z", "x"]],
  ])("refuses %j", (args) => {
    const { status, stderr } = run(...args);
    expect(status).toBe(2);
    expect(stderr).toContain("allowed: drill, or losses MOMENT");
  });

  it("says which settings are missing", () => {
    env = { ...env, DRILL_TAGS: "{}" };
    const { status, stderr } = run("drill");
    expect(status).toBe(78);
    expect(stderr).toMatch(/DRILL_TAGS: got "{}"; allowed: JSON of tags.*slipway:drill/);
  });
});
