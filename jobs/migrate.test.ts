import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client } from "pg";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { query, startPostgres, type TestPostgres } from "../test/servers/postgres.ts";
import { createTestLog } from "../test/servers/stack.ts";
import { migrate, MigrationFailed } from "./migrate-run.ts";
import { findDestructive, migrationsFolder, neededLevel, readMigrations, type Migration } from "./migrations.ts";
import { SCHEMA_LEVEL } from "./schema-level.ts";

const { log } = createTestLog();
let postgres: TestPostgres;
let database: string;
let client: Client;
beforeAll(async () => {
  postgres = await startPostgres();
});
afterAll(() => postgres.close());
beforeEach(async () => {
  database = await postgres.createDatabase();
  client = await connect();
});
afterEach(() => client.end());

async function connect(user = "slipway_owner"): Promise<Client> {
  const opened = new Client({ host: "127.0.0.1", port: postgres.port, user, database });
  await opened.connect();
  return opened;
}

function files(contents: Record<string, string>): Migration[] {
  const folder = mkdtempSync(join(tmpdir(), "slipway-migrations-"));
  for (const [name, sql] of Object.entries(contents))
    writeFileSync(join(folder, name), sql.startsWith("-- phase") ? sql : `-- phase: expand\n${sql}`);
  return readMigrations(folder);
}

async function failure(migrations: Migration[]): Promise<string> {
  return migrate(client, migrations, log).then(
    () => "nothing failed",
    (error: unknown) => (error instanceof MigrationFailed ? error.message : String(error)),
  );
}

describe("migration files", () => {
  it("end at the level that the code needs, and destroy nothing", () => {
    const all = readMigrations(migrationsFolder());
    expect(neededLevel(all)).toBe(SCHEMA_LEVEL);
    expect(all.map(findDestructive).filter(Boolean)).toEqual([]);
  });

  it.each([
    [{ "0002-a.sql": "" }],
    [{ "0001-a.sql": "", "0001-b.sql": "" }],
    [{ "0001-A.sql": "" }],
    [{ "readme.md": "" }],
  ])("%j are refused by name", (contents) => {
    expect(() => files(contents)).toThrow(/allowed at this place is 000[12]-name\.sql/);
  });

  it("have the checksums that they had before there were phases", () => {
    expect(readMigrations(migrationsFolder())[0]?.checksum).toBe(
      "57f9500dae646455df286cfb6b1b57cae5af759f551f357085edd36cc23af68f",
    );
  });

  it.each(["SELECT 1", "-- phase: later\nSELECT 1", "\n-- phase: expand\n", ""])(
    "%j is refused: it says no phase",
    (sql) => {
      const folder = mkdtempSync(join(tmpdir(), "slipway-migrations-"));
      writeFileSync(join(folder, "0001-a.sql"), sql);
      expect(() => readMigrations(folder)).toThrow(/^0001-a\.sql: its first line is .*expand, contract, incompatible/);
    },
  );

  it.each([
    ["DROP TABLE a", true],
    ["ALTER TABLE a DROP COLUMN b", true],
    ["alter table a alter column b type text", true],
    ["TRUNCATE a", true],
    ["ALTER TABLE a RENAME TO b", true],
    ["-- DROP TABLE a\nSELECT 1", false],
    ["DROP INDEX a", false],
    ["ALTER TABLE a ADD COLUMN b int", false],
  ])("%s: destructive is %s", (sql, destructive) => {
    const [migration] = files({ "0001-a.sql": sql });
    expect(migration && findDestructive(migration) !== undefined).toBe(destructive);
  });
});

describe("migrate", () => {
  const good = { "0001-a.sql": "CREATE TABLE a (id int)", "0002-b.sql": "CREATE TABLE b (id int)" };

  it("applies what is missing, once, in order", async () => {
    expect(await migrate(client, files({ "0001-a.sql": good["0001-a.sql"] }), log)).toEqual(["0001-a.sql"]);
    expect(await migrate(client, files(good), log)).toEqual(["0002-b.sql"]);
    expect(await migrate(client, files(good), log)).toEqual([]);
  });

  it("is safe to run many times at once", async () => {
    const clients = await Promise.all(Array.from({ length: 4 }, () => connect()));
    const applied = await Promise.all(clients.map((one) => migrate(one, files(good), log)));
    expect(applied.flat().sort()).toEqual(["0001-a.sql", "0002-b.sql"]);
    await Promise.all(clients.map((one) => one.end()));
  });

  it("says file, line and reason, and leaves nothing of the file", async () => {
    const bad = { ...good, "0002-b.sql": "CREATE TABLE b (id int);\n  CREATE TABEL c (id int);" };
    expect(await failure(files(bad))).toBe('0002-b.sql: line 3, column 10: syntax error at or near "TABEL" (42601)');
    expect(await query(postgres.port, "SELECT name FROM schema_migrations", database)).toEqual([
      { name: "0001-a.sql" },
    ]);
    expect(await query(postgres.port, "SELECT to_regclass('b')::text AS b", database)).toEqual([{ b: null }]);
  });

  it("refuses a file that was changed after it was applied", async () => {
    await migrate(client, files(good), log);
    expect(await failure(files({ ...good, "0001-a.sql": "SELECT 1" }))).toContain(
      "0001-a.sql: was changed after it was applied",
    );
  });

  it("refuses destruction without its flag, before anything is applied", async () => {
    const drops = files({ ...good, "0003-c.sql": "DROP TABLE a" });
    expect(await failure(drops)).toContain('0003-c.sql: holds "DROP TABLE"');
    expect(await query(postgres.port, "SELECT name FROM schema_migrations", database)).toEqual([]);
    expect(await migrate(client, drops, log, { allowDestructive: true })).toHaveLength(3);
  });

  it("leaves a newer database alone", async () => {
    await migrate(client, files(good), log);
    expect(await migrate(client, files({ "0001-a.sql": good["0001-a.sql"] }), log)).toEqual([]);
  });

  it("lets the services write data and nothing else", async () => {
    await query(postgres.port, "GRANT USAGE ON SCHEMA public TO slipway_app", database);
    await migrate(client, readMigrations(migrationsFolder()), log);
    const app = await connect("slipway_app");
    await app.query("INSERT INTO workers (name, queues, lease_until) VALUES ('w', '{}', now())");
    await expect(app.query("CREATE TABLE mine (id int)")).rejects.toThrow("permission denied");
    await expect(app.query("DROP TABLE jobs")).rejects.toThrow("must be owner");
    await expect(app.query("DELETE FROM schema_migrations")).rejects.toThrow("permission denied");
    await app.end();
  });

  it("waits for a lock in moments, so that others read in between, and takes it when it is free", async () => {
    await migrate(client, files({ "0001-a.sql": good["0001-a.sql"] }), log);
    const [holder, reader] = await Promise.all([connect(), connect()]);
    await holder.query("BEGIN; LOCK TABLE a IN ACCESS SHARE MODE");
    const more = files({ "0001-a.sql": good["0001-a.sql"], "0002-b.sql": "ALTER TABLE a ADD COLUMN b int" });
    let isOver = false;
    const migrated = migrate(client, more, log).finally(() => (isOver = true));
    // More than a request may take: one statement that waits would hold all of them up behind it.
    for (const end = performance.now() + 4000; performance.now() < end;) {
      await reader.query("SET statement_timeout = 2000; SELECT * FROM a");
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    expect(isOver).toBe(false);
    await holder.query("COMMIT");
    expect(await migrated).toEqual(["0002-b.sql"]);
    await Promise.all([holder.end(), reader.end()]);
  });

  it("gives up on a lock that stays held, and says by whom", async () => {
    await migrate(client, files({ "0001-a.sql": good["0001-a.sql"] }), log);
    const holder = await connect();
    await holder.query("SET application_name = 'report'; BEGIN; LOCK TABLE a");
    const { rows } = await holder.query<{ pid: number }>("SELECT pg_backend_pid() AS pid");
    const more = files({ "0001-a.sql": good["0001-a.sql"], "0002-b.sql": "ALTER TABLE a ADD COLUMN b int" });
    const given = await migrate(client, more, log, { lockPatienceMs: 2500 }).catch(String);
    expect(given).toContain(
      `MigrationFailed: 0002-b.sql: the locks that it needs were not free for 3 s: report (process ${rows[0]?.pid ?? 0}) has AccessExclusiveLock on a. `,
    );
    expect(given).toContain(`pg_terminate_backend(${rows[0]?.pid ?? 0})`);
    await holder.end();
  });
});

describe("a migration that takes something away", () => {
  const first = { "0001-a.sql": "CREATE TABLE a (id int, old int)", "0002-b.sql": "ALTER TABLE a ADD COLUMN new int" };
  const drop = "-- phase: contract\nALTER TABLE a DROP COLUMN old";
  const all = { ...first, "0003-c.sql": drop };

  /** A service of a release whose code needs a level; `undefined` is one of before services told theirs. */
  async function service(level: number | undefined, name = "api"): Promise<Client> {
    const application_name = `slipway-${name}${level === undefined ? "" : `/${level}`}`;
    const opened = new Client({
      host: "127.0.0.1",
      port: postgres.port,
      user: "slipway_app",
      database,
      application_name,
    });
    await opened.connect();
    return opened;
  }

  it.each([undefined, 1])("waits while a service of level %s runs, and goes when it is gone", async (level) => {
    await migrate(client, files({ "0001-a.sql": first["0001-a.sql"] }), log);
    const old = await service(level);
    const young = await service(2, "worker");
    expect(await migrate(client, files(all), log)).toEqual(["0002-b.sql"]);
    await old.end();
    expect(await migrate(client, files(all), log)).toEqual(["0003-c.sql"]);
    await young.end();
    expect(
      await query(postgres.port, "SELECT version, phase FROM schema_migrations ORDER BY version", database),
    ).toEqual([
      { version: 1, phase: "expand" },
      { version: 2, phase: "expand" },
      { version: 3, phase: "contract" },
    ]);
  });

  it("does not wait for a backup agent, or for itself", async () => {
    const agent = await service(undefined, "backup");
    const other = await service(1, "migrate");
    expect(await migrate(client, files(all), log)).toHaveLength(3);
    await Promise.all([agent.end(), other.end()]);
  });

  it("is refused where something behind it cannot wait", async () => {
    await migrate(client, files(first), log);
    const old = await service(1);
    const more = { ...all, "0004-d.sql": "ALTER TABLE a ADD COLUMN more int" };
    expect(await failure(files(more))).toBe(
      "0003-c.sql: has to wait, as services of before migration 2 run: slipway-api/1 (1); and 0004-d.sql behind it cannot. " +
        "Deploy a release that ends before 0004-d.sql first, then this one",
    );
    expect(await query(postgres.port, "SELECT max(version) AS level FROM schema_migrations", database)).toEqual([
      { level: 2 },
    ]);
    await old.end();
    expect(await migrate(client, files(more), log)).toEqual(["0003-c.sql", "0004-d.sql"]);
  });

  it("is not what code needs, and one that breaks releases is", () => {
    expect(neededLevel(files(all))).toBe(2);
    expect(neededLevel(files({ ...first, "0003-c.sql": "-- phase: incompatible\nDROP TABLE a" }))).toBe(3);
    expect(neededLevel([])).toBe(0);
  });

  it("tells of those that were applied before there were phases", async () => {
    await migrate(client, files({ "0001-a.sql": first["0001-a.sql"] }), log);
    await query(postgres.port, "ALTER TABLE schema_migrations DROP COLUMN phase", database);
    await migrate(client, files(all), log);
    expect(await query(postgres.port, "SELECT phase FROM schema_migrations WHERE version = 1", database)).toEqual([
      { phase: "expand" },
    ]);
  });
});
