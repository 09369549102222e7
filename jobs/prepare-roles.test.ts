import { Client } from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { query, startPostgres, type TestPostgres } from "../test/servers/postgres.ts";
import { createTestLog } from "../test/servers/stack.ts";
import { migrate } from "./migrate-run.ts";
import { migrationsFolder, readMigrations } from "./migrations.ts";
import { prepareRoles } from "./prepare-roles.ts";
import { scramVerifier } from "./scram.ts";

/** A server as RDS gives it: its master may make roles and databases, is no superuser, and owns the database that it was made with. */
const MASTER = "slipway_master";
let postgres: TestPostgres;
beforeAll(async () => {
  postgres = await startPostgres();
  for (const sql of [
    "DROP ROLE slipway_app",
    "DROP ROLE slipway_owner",
    `CREATE ROLE ${MASTER} LOGIN CREATEDB CREATEROLE PASSWORD 'master'`,
    `CREATE DATABASE slipway OWNER ${MASTER}`,
  ])
    await query(postgres.port, sql);
});
afterAll(async () => {
  await postgres.close();
});

async function connected<T>(user: string, work: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ host: "127.0.0.1", port: postgres.port, database: "slipway", user, password: "-" });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

interface Slot {
  readonly app: string;
  readonly owner: string;
}

const slots = (first?: Slot, second?: Slot) =>
  connected(MASTER, (client) =>
    prepareRoles(client, [
      { name: "slipway_owner", password: first?.owner },
      { name: "slipway_app", password: first?.app },
      { name: "slipway_owner_second", password: second?.owner },
      { name: "slipway_app_second", password: second?.app },
    ]),
  );
const prepare = (app: string, owner: string) => slots({ app, owner });

/** What Postgres keeps of a password. */
async function kept(role: string): Promise<string> {
  const [row] = await query(postgres.port, `SELECT rolpassword FROM pg_authid WHERE rolname = '${role}'`);
  return String(row?.["rolpassword"]);
}

/** Whether a password fits what is kept: made again with the same salt it is the same. */
async function fits(role: string, password: string): Promise<boolean> {
  const text = await kept(role);
  const salt = /:([^$]+)\$/.exec(text)?.[1] ?? "";
  return scramVerifier(password, Buffer.from(salt, "base64")) === text;
}

describe("the roles on a server whose superuser is not ours", () => {
  it("are made, with passwords, and migrations run as the owner", async () => {
    await prepare("app-password-1", "owner-password-1");
    expect([await fits("slipway_app", "app-password-1"), await fits("slipway_owner", "owner-password-1")]).toEqual([
      true,
      true,
    ]);
    await connected("slipway_owner", (client) =>
      migrate(client, readMigrations(migrationsFolder()), createTestLog().log),
    );
    const count = await connected("slipway_app", (client) => client.query("SELECT count(*) FROM jobs"));
    expect(count.rowCount).toBe(1);
  });

  it("are as much as they need: the app makes no table, and nobody else comes in", async () => {
    const make = connected("slipway_app", (client) => client.query("CREATE TABLE mine ()"));
    await expect(make).rejects.toThrow("permission denied for schema public");
    await query(postgres.port, "CREATE ROLE stranger LOGIN");
    const strange = connected("stranger", () => Promise.resolve());
    await expect(strange).rejects.toThrow(/permission denied for database/);
  });

  it("get other passwords the next time, and keep all they have", async () => {
    await prepare("app-password-2", "owner-password-1");
    expect([await fits("slipway_app", "app-password-1"), await fits("slipway_app", "app-password-2")]).toEqual([
      false,
      true,
    ]);
    expect((await connected("slipway_app", (client) => client.query("SELECT count(*) FROM jobs"))).rowCount).toBe(1);
  });

  it("of a slot that was never used are not there", async () => {
    expect(await query(postgres.port, "SELECT rolname FROM pg_roles WHERE rolname LIKE '%second'")).toEqual([]);
  });

  it("of a second slot may do what those of the first may, and what its owner makes is not its own", async () => {
    await slots({ app: "app-password-2", owner: "owner-password-1" }, { app: "app-password-3", owner: "owner-3" });
    const count = await connected("slipway_app_second", (client) => client.query("SELECT count(*) FROM jobs"));
    expect(count.rowCount).toBe(1);
    await connected("slipway_owner_second", (client) => client.query("CREATE TABLE made_by_second ()"));
    const owner = "SELECT tableowner FROM pg_tables WHERE tablename = 'made_by_second'";
    expect(await query(postgres.port, owner, "slipway")).toEqual([{ tableowner: "slipway_owner" }]);
    const make = connected("slipway_app_second", (client) => client.query("CREATE TABLE mine ()"));
    await expect(make).rejects.toThrow("permission denied for schema public");
  });

  it("of a slot that is off come in no more, and do not stay, and those of the other go on", async () => {
    const there = new Client({ host: "127.0.0.1", port: postgres.port, database: "slipway", user: "slipway_app" });
    const ended = new Promise((resolve) => there.on("error", resolve));
    await there.connect();
    await slots(undefined, { app: "app-password-3", owner: "owner-3" });
    expect(String(await ended)).toMatch(/terminating connection|terminated unexpectedly/);
    for (const role of ["slipway_app", "slipway_owner"])
      await expect(
        connected(role, () => Promise.resolve()),
        role,
      ).rejects.toThrow("is not permitted to log in");
    expect(
      (await connected("slipway_app_second", (client) => client.query("SELECT count(*) FROM jobs"))).rowCount,
    ).toBe(1);
    await slots({ app: "app-password-2", owner: "owner-password-1" }, { app: "app-password-3", owner: "owner-3" });
    expect((await connected("slipway_app", (client) => client.query("SELECT count(*) FROM jobs"))).rowCount).toBe(1);
  });

  it("are known to Postgres by the password that it was given", async () => {
    await query(postgres.port, "ALTER ROLE stranger PASSWORD 'a-password-of-Postgres-own'");
    expect(await fits("stranger", "a-password-of-Postgres-own")).toBe(true);
  });
});
