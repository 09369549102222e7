import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, describe, expect, it, vi } from "vitest";
import { loadRuntime } from "../../configs/runtime.ts";
import { backupSettings } from "../../configs/stack-backup.ts";
import { stackSchema, type StackConfig } from "../../configs/stack.ts";
import {
  manifestOfAll,
  names,
  recordStack,
  type RecordedStack,
  type StackOptions,
} from "../../test/pulumi/docker-stack.ts";
import { canary, containersOf, TYPES, type RecordedContainer } from "../../test/pulumi/docker.ts";
import { backupConnections } from "./connections.ts";

vi.mock("../images/contexts.ts", async (original) => ({
  ...(await original<object>()),
  readManifest: () => manifestOfAll(),
}));

const stackOf = (more: object = {}): StackConfig =>
  stackSchema.parse({ platform: "docker", environment: "dev", gpu: { mode: "off" }, ...more });
const PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";
const BUCKET_KEYS = {
  offsiteAccessKeyId: "Canary-of-the-bucket-id",
  offsiteSecretAccessKey: "Canary-of-the-bucket-key",
};
const S3 = {
  bucket: "copies",
  prefix: "slipway/dev",
  region: "eu-central-1",
  endpoint: "https://s3.example.org",
  ca: PEM,
};

let stack: RecordedStack;
beforeAll(async () => {
  stack = await recordStack(stackOf());
});

async function withSettings(more: object, options: StackOptions = {}): Promise<RecordedStack> {
  return recordStack(stackOf(more), options);
}

function one({ resources }: RecordedStack, name: string): RecordedContainer {
  const found = containersOf(resources).get(name);
  if (!found) throw new Error(`no container is named ${name}`);
  return found;
}

function settings({ container }: RecordedContainer): Record<string, string> {
  return Object.fromEntries((container.envs ?? []).map((env) => [env.split("=")[0] ?? "", env.replace(/^[^=]*=/, "")]));
}

function mounted({ container }: RecordedContainer): Record<string, string> {
  return Object.fromEntries(
    (container.mounts ?? []).map(({ source, target, readOnly }) => [
      target,
      `${source} ${readOnly === true ? "read" : "write"}`,
    ]),
  );
}

function files(of: RecordedStack, service: string): Record<string, string> {
  const uploads = one(of, `secrets-${service}`).container.uploads ?? [];
  return Object.fromEntries(uploads.map(({ file, content }) => [file.split("/").at(-1) ?? "", content]));
}

const networksOf = ({ container }: RecordedContainer) => (container.networksAdvanced ?? []).map(({ name }) => name);

describe("the agent", () => {
  it("is one container beside Postgres, as its user, that may read artifacts", () => {
    const { container, inputs } = one(stack, "backup");
    expect(container).toMatchObject({
      image: "sha256:image-backup",
      command: ["/usr/local/bin/node", "/app/backup.mjs", "serve"],
      user: one(stack, "postgres").container.user,
      memory: 768,
      cpus: "1.0",
      healthcheck: { tests: ["CMD", "/usr/local/bin/node", "/app/healthcheck.mjs"] },
      networksAdvanced: [{ name: "network-inner", aliases: ["backup"] }],
    });
    expect(inputs["groupAdds"]).toEqual(["10010"]);
    expect(inputs["destroyGraceSeconds"]).toBeGreaterThan(Number(settings(one(stack, "backup"))["DRAIN_SECONDS"]));
  });

  it("reads data and artifacts, and writes nothing but the repository and its socket's folder", () => {
    expect(mounted(one(stack, "backup"))).toEqual({
      "/run/secrets/slipway": "volume-secrets-backup read",
      "/var/lib/postgresql": "volume-postgres read",
      "/var/lib/slipway/objects": "volume-objects read",
      "/var/lib/slipway/backups": "volume-backups write",
      "/run/slipway/postgres": "volume-socket-postgres write",
    });
  });

  it("has its secrets as files, and the key stands with Postgres too, in nobody else's", () => {
    expect(files(stack, "backup")).toEqual({
      "backup-key": canary("backup-key"),
      "database-password": canary("database-password"),
      "redis-password": canary("redis-password"),
    });
    const holders = [...containersOf(stack.resources).values()].filter(({ inputs }) =>
      JSON.stringify(inputs).includes(canary("backup-key")),
    );
    expect(holders.map(({ name }) => name).sort()).toEqual(["secrets-backup", "secrets-postgres"]);
  });

  it("is started with settings that it takes, and notes what runs", async () => {
    const folder = mkdtempSync(join(tmpdir(), "slipway-backup-"));
    for (const [name, content] of Object.entries(files(stack, "backup")))
      writeFileSync(join(folder, name), content.padEnd(44, "x"));
    const runtime = loadRuntime("backup", { ...settings(one(stack, "backup")), SECRETS_DIR: folder });
    rmSync(folder, { recursive: true });
    const { dailyAt, fullOn, keepDays, drillDays } = backupSettings(undefined);
    expect(runtime).toMatchObject({
      APP_ENV: "dev",
      PORT: 8000,
      DATABASE_HOST: "postgres",
      DATABASE_USER: "slipway_app",
      DATABASE_POOL_SIZE: backupConnections(backupSettings(undefined))[0]?.connections,
      REDIS_HOST: "redis",
      OBJECTS_URL: "file:///var/lib/slipway/objects",
      POSTGRES_DATA_DIR: "/var/lib/postgresql/data",
      POSTGRES_SOCKET_DIR: "/run/slipway/postgres",
      BACKUP_REPOSITORY_DIR: "/var/lib/slipway/backups",
      ...{ BACKUP_DAILY_AT: dailyAt, BACKUP_FULL_ON: fullOn, BACKUP_KEEP_DAYS: keepDays, BACKUP_DRILL_DAYS: drillDays },
    });
    expect(runtime).not.toHaveProperty("BACKUP_OFFSITE_URL");
    const images = ["api", "backup", "edge", "postgres", "redis", "worker"];
    expect(runtime.BACKUP_RELEASE).toEqual({
      images: Object.fromEntries(images.map((name) => [name, `sha256:image-${name}`])),
      configuration: JSON.parse(JSON.stringify(stackOf())) as unknown,
    });
  });

  it("takes times, days and sizes from the stack", async () => {
    const backup = { dailyAt: "04:05", fullOn: "friday", keepDays: 60, drillDays: 3, memoryMiB: 1024, cpus: 0.5 };
    const agent = one(await withSettings({ backup }), "backup");
    expect(settings(agent)).toMatchObject({
      ...{ BACKUP_DAILY_AT: "04:05", BACKUP_FULL_ON: "friday", BACKUP_KEEP_DAYS: "60", BACKUP_DRILL_DAYS: "3" },
    });
    expect(agent.container).toMatchObject({ memory: 1024, cpus: "0.5" });
  });

  it("comes after Postgres, and nothing waits for it: a release goes on without it", () => {
    const dependencies = (name: string) =>
      stack.resources.find((resource) => resource.name === name && resource.type !== TYPES.image)?.dependencies ?? [];
    const ends = (name: string) => (urn: string) => urn.endsWith(`${TYPES.container}::${name}`);
    expect(dependencies("backup").some(ends("postgres"))).toBe(true);
    const waiting = stack.resources.filter((resource) => resource.dependencies.some(ends("backup")));
    expect(waiting.map(({ name }) => name)).toEqual([]);
    const release = stack.resources.find(({ name }) => name === "release");
    expect(JSON.stringify(release?.inputs)).not.toContain("backup");
  });
});

describe("Postgres", () => {
  it("archives into the repository by the key in its secrets", () => {
    const postgres = one(stack, "postgres");
    expect(settings(postgres)).toEqual({
      SECRETS_DIR: "/run/secrets/slipway",
      POSTGRES_SOCKET_DIR: "/run/slipway/postgres",
      BACKUP_REPOSITORY_DIR: "/var/lib/slipway/backups",
    });
    expect(mounted(postgres)).toEqual({
      "/run/secrets/slipway": "volume-secrets-postgres read",
      "/var/lib/postgresql": "volume-postgres write",
      "/var/lib/slipway/backups": "volume-backups write",
      "/run/slipway/postgres": "volume-socket-postgres write",
    });
    expect(Object.keys(files(stack, "postgres")).sort()).toEqual([
      "backup-key",
      "database-owner-password",
      "database-password",
    ]);
  });
});

describe("a repository elsewhere", () => {
  const BOTH = ["postgres", "backup"];

  it("is a folder of the host, for the two that write there", async () => {
    const of = await withSettings({ backup: { offsite: { folder: "/mnt/nas" } } });
    for (const name of BOTH) {
      expect(settings(one(of, name))["BACKUP_OFFSITE_URL"], name).toBe("file:///var/lib/slipway/offsite");
      expect(mounted(one(of, name))["/var/lib/slipway/offsite"], name).toBe("/mnt/nas write");
    }
    const mounting = [...containersOf(of.resources).values()].filter(({ inputs }) =>
      JSON.stringify(inputs["mounts"] ?? []).includes("/mnt/nas"),
    );
    expect(mounting.map(({ name }) => name).sort()).toEqual([...BOTH].sort());
    expect(names(of, TYPES.network)).toEqual(["inner", "outer"]);
  });

  it("is a bucket, with its keys as files and a way out for those two alone", async () => {
    const of = await withSettings({ backup: { offsite: { s3: S3 } } }, { secrets: BUCKET_KEYS });
    for (const name of BOTH) {
      expect(settings(one(of, name))).toMatchObject({
        BACKUP_OFFSITE_URL: "s3://copies/slipway/dev",
        BACKUP_OFFSITE_REGION: "eu-central-1",
        BACKUP_OFFSITE_ENDPOINT: "https://s3.example.org",
        BACKUP_OFFSITE_CA_FILE: "/run/secrets/slipway/offsite-ca.pem",
      });
      expect(files(of, name)).toMatchObject({
        "offsite-access-key-id": BUCKET_KEYS.offsiteAccessKeyId,
        "offsite-secret-access-key": BUCKET_KEYS.offsiteSecretAccessKey,
        "offsite-ca.pem": PEM,
      });
    }
    expect(names(of, TYPES.network)).toEqual(["inner", "offsite", "outer"]);
    const out = [...containersOf(of.resources).values()].filter((each) => networksOf(each).includes("network-offsite"));
    expect(out.map(({ name }) => name).sort()).toEqual([...BOTH].sort());
    const shown = JSON.stringify(of.resources.map(({ inputs }) => ({ ...inputs, uploads: undefined })));
    for (const secret of Object.values(BUCKET_KEYS)) expect(shown).not.toContain(secret);
  });

  it("is AWS' own where nothing else is said, by the root of the bucket", async () => {
    const s3 = { bucket: "copies", region: "eu-central-1" };
    const agent = one(await withSettings({ backup: { offsite: { s3 } } }, { secrets: BUCKET_KEYS }), "backup");
    const offsite = Object.entries(settings(agent)).filter(([name]) => name.startsWith("BACKUP_OFFSITE"));
    expect(Object.fromEntries(offsite)).toEqual({
      BACKUP_OFFSITE_URL: "s3://copies",
      BACKUP_OFFSITE_REGION: "eu-central-1",
    });
  });
});

describe("without backups", () => {
  it("there is no agent, image, socket or archive; the volume of those that were made and their key stay", async () => {
    const of = await withSettings({ backup: { enabled: false } });
    const identity = ({ type, name }: { type: string; name: string }) => `${type} ${name}`;
    const without = of.resources.map(identity);
    expect(
      stack.resources
        .map(identity)
        .filter((each) => !without.includes(each))
        .sort(),
    ).toEqual([
      `${TYPES.container} backup`,
      `${TYPES.container} secrets-backup`,
      `${TYPES.image} image-backup`,
      `${TYPES.volume} secrets-backup`,
      `${TYPES.volume} socket-postgres`,
      `${TYPES.id} image-backup`,
    ]);
    expect(settings(one(of, "postgres"))).toEqual({ SECRETS_DIR: "/run/secrets/slipway" });
    expect(Object.keys(mounted(one(of, "postgres")))).toEqual(["/run/secrets/slipway", "/var/lib/postgresql"]);
    expect(Object.keys(files(of, "postgres"))).not.toContain("backup-key");
    expect(backupConnections(backupSettings({ ...backupSettings(undefined), enabled: false }))).toEqual([]);
  });
});

it("takes the stack's own key where it brings one", async () => {
  const of = await withSettings({}, { secrets: { backupKey: "Own-key-of-the-stack".padEnd(40, "x") } });
  expect(names(of, TYPES.password)).not.toContain("backup-key");
  expect(files(of, "backup")["backup-key"]).toBe("Own-key-of-the-stack".padEnd(40, "x"));
});
