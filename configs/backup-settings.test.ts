import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ConfigError, loadRuntime, maskConfig, type ConfigFault } from "./runtime.ts";

function goodEnv(secrets: Record<string, string> = {}) {
  const directory = mkdtempSync(join(tmpdir(), "slipway-backup-settings-"));
  const all = {
    ...{ "database-password": "canary-db", "redis-password": "canary-redis", "backup-key": `canary-${"k".repeat(32)}` },
    ...secrets,
  };
  for (const [name, value] of Object.entries(all)) writeFileSync(join(directory, name), `${value}\n`);
  return {
    ...{ APP_ENV: "dev", DATABASE_HOST: "db", DATABASE_NAME: "slipway", DATABASE_USER: "slipway_app" },
    ...{ REDIS_HOST: "cache", SECRETS_DIR: directory },
  };
}

function faults(env: NodeJS.ProcessEnv): readonly ConfigFault[] {
  try {
    loadRuntime("backup", env);
  } catch (error) {
    if (error instanceof ConfigError) return error.faults;
    throw error;
  }
  throw new Error("expected a ConfigError");
}

describe("settings of the backup agent", () => {
  it("have the documented defaults", () => {
    const config = loadRuntime("backup", goodEnv());
    expect(config).toMatchObject({
      PORT: 8000,
      POSTGRES_DATA_DIR: "/var/lib/postgresql/data",
      POSTGRES_SOCKET_DIR: "/run/slipway/postgres",
      BACKUP_REPOSITORY_DIR: "/var/lib/slipway/backups",
      BACKUP_DAILY_AT: "02:30",
      BACKUP_FULL_ON: "sunday",
      BACKUP_KEEP_DAYS: 28,
      BACKUP_DRILL_DAYS: 7,
      BACKUP_RELEASE: { images: {}, configuration: {} },
      ...{ POSTGRES_ASKED: "socket", BACKUP_DRILLS: "own" },
    });
    for (const key of ["BACKUP_OFFSITE_URL", "BACKUP_DRILL_DIR", "BACKUP_RELEASE_FILE"] as const)
      expect(config[key], key).toBeUndefined();
    expect(Object.keys(config.secrets)).toEqual(["database-password", "redis-password", "backup-key"]);
  });

  it("read the release, and the keys of S3 where there are any", () => {
    const release = { images: { api: "sha256:1" }, configuration: { jobs: { keepDays: 3 } } };
    const env = {
      ...goodEnv({ "offsite-access-key-id": "canary-id", "offsite-secret-access-key": "canary-s3" }),
      ...{ BACKUP_OFFSITE_URL: "s3://elsewhere/slipway", BACKUP_OFFSITE_REGION: "eu-central-1" },
      BACKUP_RELEASE: JSON.stringify(release),
    };
    const config = loadRuntime("backup", env);
    expect(config.BACKUP_RELEASE).toEqual(release);
    expect(config.secrets["offsite-secret-access-key"]).toBe("canary-s3");
    expect(JSON.stringify(maskConfig(config, env))).not.toContain("canary");
  });

  it("ask for both keys of S3 where there is one", () => {
    const found = faults(goodEnv({ "offsite-access-key-id": "canary-id" }));
    expect(found.map(({ key }) => key)).toEqual(["secret offsite-secret-access-key"]);
  });

  it.each([
    ["BACKUP_KEEP_DAYS", "27"],
    ["BACKUP_DRILL_DAYS", "0"],
    ["BACKUP_DAILY_AT", "24:00"],
    ["BACKUP_DAILY_AT", "2:30"],
    ["BACKUP_FULL_ON", "Sunday"],
    ["BACKUP_OFFSITE_URL", "ftp://elsewhere"],
    ["BACKUP_OFFSITE_URL", "file://host"],
    ["BACKUP_OFFSITE_ENDPOINT", "s3.example.com"],
    ["BACKUP_REPOSITORY_DIR", "backups"],
    ["BACKUP_DRILL_DIR", "drill"],
    ["BACKUP_DRILLS", "none"],
    ["POSTGRES_ASKED", "tcp"],
    ["BACKUP_RELEASE", "{}"],
    ["BACKUP_RELEASE", '{"images":{"a":1},"configuration":{}}'],
    ["BACKUP_RELEASE", "no json"],
  ])("refuse %s=%j, and say what is allowed", (key, value) => {
    const found = faults({ ...goodEnv(), [key]: value });
    expect(found.map((fault) => fault.key)).toEqual([key]);
    expect(found[0]?.allowed).not.toBe("");
  });

  it("ask for a region where the second repository is in S3", () => {
    const found = faults({ ...goodEnv(), BACKUP_OFFSITE_URL: "s3://elsewhere" });
    expect(found.map(({ key, got }) => [key, got])).toEqual([["BACKUP_OFFSITE_REGION", "nothing"]]);
  });

  it("refuse a short key without a word of it", () => {
    const found = faults(goodEnv({ "backup-key": "canary-short" }));
    expect(found.map(({ key }) => key)).toEqual(["secret backup-key"]);
    expect(found[0]?.fix).toContain("must have at least 32");
    expect(JSON.stringify(found)).not.toContain("canary");
  });
});
