import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CreateSecretCommand, SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { query, startPostgres, type TestPostgres } from "../test/servers/postgres.ts";
import { MOTO_CREDENTIALS, startMoto, type Moto } from "../toolchain/aws/moto.ts";
import { findFolders, ROOT } from "../toolchain/folders.ts";

const SETUP_MS = 300_000;
const PASSWORD = "master-canary-5f2a";
let moto: Moto;
let postgres: TestPostgres;
let folder: string;
let arn: string;
beforeAll(async () => {
  [moto, postgres] = await Promise.all([startMoto(findFolders()), startPostgres()]);
  folder = mkdtempSync(join(tmpdir(), "slipway-prepare-"));
  for (const name of ["database-password", "database-owner-password"])
    writeFileSync(join(folder, name), `${name}-0123456789`);
  await query(postgres.port, `CREATE ROLE slipway_master LOGIN CREATEDB CREATEROLE`);
  await query(postgres.port, "CREATE DATABASE slipway OWNER slipway_master");
  // RDS made the roles of its own server; those of the test server are granted as RDS' master would have them.
  await query(postgres.port, "GRANT slipway_owner TO slipway_master WITH ADMIN OPTION");
  arn = await secret({ username: "slipway_master", password: PASSWORD });
}, SETUP_MS);
afterAll(async () => {
  rmSync(folder, { recursive: true });
  await postgres.close();
  await moto.end();
});

async function secret(content: unknown): Promise<string> {
  const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey } = MOTO_CREDENTIALS;
  const credentials = { accessKeyId, secretAccessKey };
  const client = new SecretsManagerClient({ endpoint: moto.url, region: "us-east-1", credentials });
  const Name = `rds-${Math.random()}`;
  const made = await client.send(new CreateSecretCommand({ Name, SecretString: JSON.stringify(content) }));
  client.destroy();
  return made.ARN ?? "";
}

function prepare(masterSecret: string): { readonly status: number | null; readonly output: string } {
  const env = {
    ...{ PATH: process.env["PATH"] ?? "", APP_ENV: "prod", SECRETS_DIR: folder, DATABASE_MASTER_SECRET: masterSecret },
    ...{ DATABASE_HOST: "127.0.0.1", DATABASE_PORT: String(postgres.port), DATABASE_NAME: "slipway" },
    ...{ ...MOTO_CREDENTIALS, AWS_REGION: "us-east-1", AWS_ENDPOINT_URL_SECRETS_MANAGER: moto.url },
  };
  const { status, stdout, stderr } = spawnSync(process.execPath, ["jobs/prepare.ts"], {
    ...{ cwd: ROOT, env, encoding: "utf8", timeout: 25_000 },
  });
  return { status, output: stdout + stderr };
}

describe("jobs/prepare.ts, with Secrets Manager simulated by moto", () => {
  it("prepares the database as the master user, twice without harm, and tells nobody the password", async () => {
    for (const run of [1, 2]) {
      const { status, output } = prepare(arn);
      expect([run, status, output.includes("the roles of the database are there")], output).toEqual([run, 0, true]);
      expect(output).not.toContain(PASSWORD);
    }
    const owner = "SELECT pg_get_userbyid(datdba) AS owner FROM pg_database WHERE datname = 'slipway'";
    expect(await query(postgres.port, owner)).toEqual([{ owner: "slipway_owner" }]);
  });

  it("says which settings are missing", () => {
    const { status, output } = prepare("");
    expect(status).toBe(78);
    expect(output).toContain("DATABASE_MASTER_SECRET: got");
  });
});
