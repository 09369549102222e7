import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BACKUP_SETTINGS, checkBackupKey } from "./backup-settings.ts";
import { backupsInCluster, backupSettings, dataSettings } from "./stack-backup.ts";
import { parseStackConfig, stackSchema, StackConfigError, type StackConfig } from "./stack.ts";

const DOCKER = { platform: "docker", environment: "dev" };
const KEYS = ["offsiteAccessKeyId", "offsiteSecretAccessKey"] as const;
const BUCKET = { bucket: "slipway-backups", region: "eu-central-1" };

function parse(values: object, secrets: Readonly<Record<string, string>> = {}): StackConfig {
  const texts = Object.entries({ ...DOCKER, ...values }).map(([key, value]) => [
    key,
    typeof value === "string" ? value : JSON.stringify(value),
  ]);
  return parseStackConfig("dev", {
    values: { ...(Object.fromEntries(texts) as Record<string, string>), ...secrets },
    isSecret: (key) => Object.hasOwn(secrets, key),
  });
}

function refusal(values: object, secrets: Readonly<Record<string, string>> = {}): string {
  try {
    parse(values, secrets);
  } catch (error) {
    if (error instanceof StackConfigError) return error.message;
    throw error;
  }
  throw new Error("expected a StackConfigError");
}

describe("backup", () => {
  it("is made where the file says nothing, daily and weekly, for four weeks", () => {
    expect(backupSettings(parse({}).backup)).toEqual({
      enabled: true,
      dailyAt: "02:30",
      fullOn: "sunday",
      keepDays: 28,
      drillDays: 7,
      memoryMiB: 768,
      cpus: 1,
    });
  });

  it("takes what the file says, and the rest stays", () => {
    const { backup } = parse({ backup: { dailyAt: "23:59", fullOn: "wednesday", keepDays: 90, cpus: "0.5" } });
    expect(backup).toMatchObject({ enabled: true, dailyAt: "23:59", fullOn: "wednesday", keepDays: 90, cpus: 0.5 });
    expect(backup?.drillDays).toBe(7);
    expect(backupSettings(parse({ backup: { enabled: false } }).backup).enabled).toBe(false);
  });

  it("goes elsewhere too: to a folder of the host, or to a bucket with both of its keys", () => {
    const secrets = Object.fromEntries(KEYS.map((key) => [key, "Canary-0123456789"]));
    expect(parse({ backup: { offsite: { folder: "/mnt/nas/slipway" } } }).backup?.offsite).toEqual({
      folder: "/mnt/nas/slipway",
    });
    expect(parse({ backup: { offsite: { s3: BUCKET } } }, secrets).backup?.offsite).toEqual({ s3: BUCKET });
    expect(JSON.stringify(parse({ backup: { offsite: { s3: BUCKET } } }, secrets))).not.toContain("Canary");
  });

  it.each(KEYS)("is refused where %s is missing, stands in clear, or opens nothing", (key) => {
    const [other = "offsiteAccessKeyId"] = KEYS.filter((one) => one !== key);
    const backup = { offsite: { s3: BUCKET } };
    expect(refusal({ backup }, { [other]: "0123456789" })).toContain(
      `slipway:${key} is missing, which opens backup.offsite.s3. Use \`pulumi config set --secret ${key}\`.`,
    );
    expect(refusal({ backup, [key]: "x".repeat(20) })).toContain(`slipway:${key} stands in clear`);
    expect(refusal({}, { [key]: "0123456789" })).toContain(`slipway:${key} opens nothing without`);
  });

  it.each([
    ["dailyAt", "24:00", "slipway:backup.dailyAt is"],
    ["dailyAt", "2:30", "slipway:backup.dailyAt is"],
    ["fullOn", "Sunday", "slipway:backup.fullOn is"],
    ["keepDays", 27, "slipway:backup.keepDays is 27"],
    ["drillDays", 0, "slipway:backup.drillDays is 0"],
    ["memoryMiB", 256, "slipway:backup.memoryMiB is 256"],
    ["days", 30, "slipway:backup.days is not a key of this program"],
    ["offsite", {}, "slipway:backup.offsite is {}: must have either folder or s3."],
    ["offsite", { folder: "/mnt/a", s3: BUCKET }, "must have either folder or s3."],
    ["offsite", { folder: "mnt" }, 'slipway:backup.offsite.folder is "mnt": must be an absolute path'],
    ["offsite", { folder: "/a,readonly" }, "slipway:backup.offsite.folder is"],
    ["offsite", { s3: { bucket: "b" } }, "slipway:backup.offsite.s3.region is missing"],
    ["offsite", { s3: { ...BUCKET, bucket: "Not_A_Bucket" } }, "slipway:backup.offsite.s3.bucket is"],
    ["offsite", { s3: { ...BUCKET, prefix: "/a/" } }, "slipway:backup.offsite.s3.prefix is"],
    ["offsite", { s3: { ...BUCKET, endpoint: "http://s3.example.org" } }, "slipway:backup.offsite.s3.endpoint is"],
    ["offsite", { s3: { ...BUCKET, ca: "none" } }, "slipway:backup.offsite.s3.ca is"],
  ])("refuses %s: %j", (key, value, fault) => {
    expect(refusal({ backup: { [key]: value } })).toContain(fault);
  });

  it("has a key that is a secret, long, and not printed", () => {
    const key = "Canary-of-the-backup-key".padEnd(44, "x");
    expect(parse({}, { backupKey: key })).toMatchObject(DOCKER);
    expect(refusal({ backupKey: key })).toContain("slipway:backupKey stands in clear");
    for (const wrong of ["Canary-too-short", `${key}\n`, `${key} #`]) {
      const message = refusal({}, { backupKey: wrong });
      expect(message).toContain(`slipway:backupKey (${wrong.length} characters) must be 32 to 256`);
      expect(message).not.toContain("Canary");
    }
  });

  it("is no less than what the agent asks for", () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[\w-]{32,64}$/), (backupKey) => {
        parse({}, { backupKey });
        checkBackupKey(backupKey);
      }),
    );
    const settings = backupSettings(undefined);
    expect(BACKUP_SETTINGS.BACKUP_DAILY_AT.parse(undefined)).toBe(settings.dailyAt);
    expect(BACKUP_SETTINGS.BACKUP_FULL_ON.parse(settings.fullOn)).toBe(settings.fullOn);
    for (const [days, schema] of [
      [settings.keepDays, BACKUP_SETTINGS.BACKUP_KEEP_DAYS],
      [settings.drillDays, BACKUP_SETTINGS.BACKUP_DRILL_DAYS],
    ] as const)
      expect(schema.parse(String(days))).toBe(days);
  });
});

describe("data", () => {
  it("is of the first generation, and no other is kept", () => {
    expect(dataSettings(parse({}).data)).toEqual({ generation: "first", kept: [] });
    expect(parse({ data: { generation: "20261129t0230", kept: ["first"] } }).data).toEqual({
      generation: "20261129t0230",
      kept: ["first"],
    });
  });

  it.each([
    [{ kept: ["first"] }, 'slipway:data.kept is ["first"]: must not name the generation that serves.'],
    [{ generation: "b", kept: ["a", "b"] }, "must not name the generation that serves."],
    [{ generation: "b", kept: ["a", "a"] }, "must name each generation once."],
    [{ generation: "B" }, 'slipway:data.generation is "B": must be 1 to 32 lowercase letters'],
    [{ generation: "" }, "slipway:data.generation is"],
    [{ generation: "a".repeat(33) }, "slipway:data.generation is"],
    [{ generation: "a/b" }, "slipway:data.generation is"],
    [{ generation: "b", kept: ["../a"] }, "slipway:data.kept.0 is"],
    [{ generation: "b", keep: ["a"] }, "slipway:data.keep is not a key of this program"],
  ])("is refused as %j", (data, fault) => {
    expect(refusal({ data })).toContain(fault);
  });
});

/** What is said of `backup` and `data`, by path. */
function said(more: object): string[] {
  const { error } = stackSchema.safeParse({ environment: "dev", ...more });
  const faults = error?.issues.map(({ path, message }) => `${path.join(".")} ${message}`) ?? [];
  return faults.filter((fault) => /^(backup|data)|images\.backup/.test(fault));
}

describe("backup and data", () => {
  it("belong to a Postgres that is the stack's own: elsewhere both are refused", () => {
    const both = { backup: {}, data: {} };
    const external = { postgres: { external: { host: "db.example.org" } } };
    expect(said({ platform: "aws", ...both })).toEqual([
      "backup must be left out where platform is aws",
      "data must be left out where platform is aws",
    ]);
    const why = "must be left out where kubernetes.postgres.external is set, whose own backups are the ones";
    expect(said({ platform: "kubernetes", ...both, kubernetes: external })).toEqual([`backup ${why}`, `data ${why}`]);
    expect(said({ platform: "kubernetes", ...both, kubernetes: { importedImages: true } })).toEqual([]);
  });

  it("take no folder of a node, and name networks where there are network policies", () => {
    const kubernetes = { importedImages: true };
    const folder = { backup: { offsite: { folder: "/mnt/nas" } } };
    expect(said({ platform: "kubernetes", kubernetes, ...folder })).toEqual([
      "backup.offsite.folder must be left out where platform is kubernetes: pods may not mount a node's folder",
    ]);
    const s3 = { backup: { offsite: { s3: { ...BUCKET, cidrs: ["10.9.0.0/24"] } } } };
    expect(said({ platform: "kubernetes", kubernetes, ...s3 })).toEqual([]);
    expect(said({ platform: "docker", ...s3 })).toEqual([
      "backup.offsite.s3.cidrs must be left out where platform is docker",
    ]);
  });

  it("are made in a cluster unless the file says otherwise", () => {
    const of = (more: object) =>
      backupsInCluster(
        stackSchema.parse({
          platform: "kubernetes",
          environment: "dev",
          kubernetes: { importedImages: true },
          ...more,
        }),
      );
    expect(of({})).toMatchObject({ dailyAt: "02:30", keepDays: 28 });
    expect(of({ backup: { enabled: false } })).toBeUndefined();
    expect(of({ kubernetes: { importedImages: true, postgres: { external: { host: "db" } } } })).toBeUndefined();
    expect(backupsInCluster(stackSchema.parse(DOCKER))).toBeUndefined();
  });
});
