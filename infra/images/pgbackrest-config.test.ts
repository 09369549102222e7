import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, it } from "vitest";
import { renderPgbackrest, STANZA } from "../../backup/pgbackrest-config.ts";
import { loadRuntime } from "../../configs/runtime.ts";

const SCRIPT = join(dirname(fileURLToPath(import.meta.url)), "postgres/pgbackrest-config.sh");
const CLUSTER = { dataDirectory: "/var/lib/postgresql/data", socketDirectory: "/run/slipway/postgres", port: 5432 };

const LOCAL = { BACKUP_REPOSITORY_DIR: "/var/lib/slipway/backups" };
const FOLDER = { ...LOCAL, BACKUP_OFFSITE_URL: "file:///var/lib/slipway/offsite" };
const AWS = { ...LOCAL, BACKUP_OFFSITE_URL: "s3://copies", BACKUP_OFFSITE_REGION: "eu-central-1" };
const S3 = {
  ...AWS,
  BACKUP_OFFSITE_URL: "s3://copies/slipway/dev/",
  BACKUP_OFFSITE_ENDPOINT: "https://s3.example.org:9000",
  BACKUP_OFFSITE_CA_FILE: "/run/secrets/slipway/offsite-ca.pem",
};

const SECRETS: Readonly<Record<string, string>> = {
  "backup-key": "Canary-of-the-key".padEnd(44, "x"),
  "database-password": "x".repeat(20),
  "redis-password": "x".repeat(20),
};
const BUCKET_KEYS = { "offsite-access-key-id": "AKIA0123", "offsite-secret-access-key": "a/b+c=#d" };

const folders: string[] = [];
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true });
});

function secretsFolder(secrets: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(join(tmpdir(), "slipway-pgbackrest-"));
  folders.push(folder);
  for (const [name, content] of Object.entries(secrets)) writeFileSync(join(folder, name), content, { mode: 0o400 });
  return folder;
}

function script(env: Readonly<Record<string, string>>, secrets: Readonly<Record<string, string>>) {
  return spawnSync("bash", [SCRIPT], {
    encoding: "utf8",
    env: { PATH: process.env["PATH"] ?? "", SECRETS_DIR: secretsFolder(secrets), ...env },
  });
}

/** What a configuration says of the repositories, of what is done with WAL, and of the cluster. */
function settings(text: string): Record<string, string> {
  const lines = text.split("\n").filter((line) => /^(repo\d|compress-type|archive-push-queue-max|pg1-path)/.test(line));
  // How long backups are kept is for who makes them.
  const kept = lines.filter((line) => !/^repo\d-retention/.test(line));
  return Object.fromEntries(kept.map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]));
}

describe("the configuration of archive-push", () => {
  it.each([
    ["a repository on this host", LOCAL, {}],
    ["another one in a folder", FOLDER, {}],
    ["another one in AWS' S3, by its role", AWS, {}],
    ["another one in S3 elsewhere, by keys", S3, BUCKET_KEYS],
  ])("says the same as the agent's: %s", (_what, env, keys) => {
    const secrets = { ...SECRETS, ...keys };
    const made = script(env, secrets);
    expect([made.status, made.stderr]).toEqual([0, ""]);
    const config = loadRuntime("backup", {
      ...{ APP_ENV: "dev", DATABASE_HOST: "h", DATABASE_NAME: "n", DATABASE_USER: "u", REDIS_HOST: "r" },
      ...env,
      SECRETS_DIR: secretsFolder(secrets),
    });
    const agents = settings(renderPgbackrest(config, CLUSTER, "/tmp/backup"));
    expect(settings(made.stdout)).toEqual(agents);
    expect(agents).toMatchObject({ "repo1-cipher-type": "aes-256-cbc", "repo1-cipher-pass": SECRETS["backup-key"] });
    expect(made.stdout).toContain(`[${STANZA}]`);
  });

  it.each([
    ["no key", LOCAL, {}, "backup-key is missing or empty"],
    ["an empty key", LOCAL, { ...SECRETS, "backup-key": "" }, "backup-key is missing or empty"],
    [
      "half of a bucket's keys",
      S3,
      { ...SECRETS, "offsite-access-key-id": "A" },
      "offsite-secret-access-key is missing",
    ],
    ["no region", { ...AWS, BACKUP_OFFSITE_REGION: "" }, SECRETS, "BACKUP_OFFSITE_REGION is missing"],
    ["another kind of place", { ...LOCAL, BACKUP_OFFSITE_URL: "ftp://host/a" }, SECRETS, "allowed are file:///folder"],
  ])("is refused with %s, and no secret in the message", (_what, env, secrets, fault) => {
    const { status, stderr } = script(env, secrets);
    expect(status).toBe(78);
    expect(stderr).toContain(fault);
    expect(stderr).not.toContain("Canary");
  });
});
