import { describe, expect, it } from "vitest";
import { authTokenFault, awsDataFaults, awsDataSchema } from "./aws-data-settings.ts";

const EDGE = { host: "api.example.org", zoneId: "Z0123456789ABC" };
const BUDGET = { monthlyUsd: 500, emails: ["team@example.org"] };

/** Paths and messages of what is wrong. */
function faultsOf(data: object): string[] {
  const { error } = awsDataSchema.safeParse(data);
  return (error?.issues ?? []).map(({ path, message }) => `${path.join(".")}: ${message}`);
}

describe("aws.data", () => {
  it("needs nothing said to be safe", () => {
    const data = awsDataSchema.parse({});
    expect(data.database).toMatchObject({ engineVersion: "17.7", backupRetentionDays: 35, proxy: "off" });
    expect(data.cache).toMatchObject({ engine: "valkey", nodes: 2, snapshotRetentionDays: 7 });
    expect(data.objects).toEqual({ noncurrentDays: 30, abortUploadDays: 3 });
    expect(data.mirrors).toEqual({ enabled: true, recoveryDays: 30 });
    expect(awsDataSchema.parse({ edge: EDGE }).edge?.firewall).toMatchObject({ mode: "block", sqlInjection: false });
  });

  it.each([
    [{ databse: {} }, /Unrecognized key: "databse"/],
    [{ database: { engineVersion: "14.2" } }, /^database\.engineVersion: must be 15 or newer with its minor version/],
    [{ database: { engineVersion: "17" } }, /^database\.engineVersion: must be 15 or newer with its minor version/],
    [{ database: { backupRetentionDays: 6 } }, /^database\.backupRetentionDays: .*>=7/],
    [{ database: { backupRetentionDays: 36 } }, /^database\.backupRetentionDays: .*<=35/],
    [{ database: { backupWindow: "2-3" } }, /^database\.backupWindow: must be a span of every day, UTC/],
    [{ database: { backupWindow: "02:00-02:29" } }, /^database\.backupWindow: must be a span of at least 30 minutes/],
    [
      { database: { maintenanceWindow: "so:04:00-so:05:00" } },
      /^database\.maintenanceWindow: must be a span of the week/,
    ],
    [{ database: { proxy: "auto" } }, /^database\.proxy: must be off: RDS Proxy refuses/],
    [{ database: { logDays: 31 } }, /^database\.logDays: must be one of 30, 60/],
    [{ database: { monitoringSeconds: 0 } }, /^database\.monitoringSeconds: must be one of 1, 5/],
    [{ cache: { nodes: 1 } }, /^cache\.nodes: .*>=2/],
    [{ cache: { engine: "memcached" } }, /^cache\.engine: .*"valkey"\|"redis"/],
    [{ cache: { snapshotWindow: "03:00-03:59" } }, /^cache\.snapshotWindow: must be a span of at least 60 minutes/],
    [{ objects: { replicaRegion: "Frankfurt" } }, /^objects\.replicaRegion: must be a region/],
    [
      { objects: { accessLogs: { bucket: "No_Bucket" } } },
      /^objects\.accessLogs\.bucket: must be the name of a bucket/,
    ],
    [{ objects: { accessLogs: { bucket: "logs", prefix: "/a" } } }, /^objects\.accessLogs\.prefix: must not begin/],
    [{ registry: { keepImages: 1 } }, /^registry\.keepImages: .*>=10/],
    [{ mirrors: { recoveryDays: 6 } }, /^mirrors\.recoveryDays: .*>=7/],
    [{ budget: { monthlyUsd: 500 } }, /^budget\.emails: must name somebody, or topics must/],
    [{ budget: { ...BUDGET, topics: ["team"] } }, /^budget\.topics\.0: must be the ARN of an SNS topic/],
    [{ alarms: { topics: ["team@example.org"] } }, /^alarms\.topics\.0: must be the ARN of an SNS topic/],
    [{ edge: { ...EDGE, host: "https://api.example.org" } }, /^edge\.host: must be a host name/],
    [{ edge: { ...EDGE, zoneId: "example.org" } }, /^edge\.zoneId: must be the id of a hosted zone/],
    [{ edge: { ...EDGE, cidrs: ["10.0.0.0"] } }, /^edge\.cidrs\.0: /],
    [{ edge: { ...EDGE, firewall: { requestsPerFiveMinutes: 9 } } }, /^edge\.firewall\.requestsPerFiveMinutes: .*>=10/],
  ])("refuses %j and says what is allowed", (data, message) => {
    const faults = faultsOf(data);
    expect(faults).toHaveLength(1);
    expect(faults[0]?.replace(/^: /, "")).toMatch(message);
  });

  it("keeps snapshots and maintenance apart, also past midnight", () => {
    const at = (backupWindow: string, maintenanceWindow: string) =>
      faultsOf({ database: { backupWindow, maintenanceWindow } });
    expect(at("02:00-03:00", "sun:03:00-sun:04:00")).toEqual([]);
    expect(at("02:00-03:01", "sun:03:00-sun:04:00")[0]).toMatch(/^database\.backupWindow: must not meet maintenance/);
    expect(at("23:30-00:30", "sat:00:00-sat:01:00")).toHaveLength(1);
    expect(at("00:10-00:40", "sat:23:45-sun:00:15")).toHaveLength(1);
    expect(at("23:00-00:00", "sun:00:00-sun:01:00")).toEqual([]);
    expect(faultsOf({ cache: { snapshotWindow: "05:30-06:30" } })[0]).toMatch(/^cache\.snapshotWindow: must not meet/);
  });
});

describe("what the rest of the file asks of it", () => {
  const stack = { environment: "prod", region: "eu-central-1", account: "123456789012" } as const;
  const backup = { copyRegion: "eu-west-1" };
  const whole = awsDataSchema.parse({ database: { caBundle: "rds.pem" }, edge: EDGE, budget: BUDGET, backup });

  it("is nothing where all is said", () => {
    expect(awsDataFaults(whole, stack)).toEqual([]);
  });

  it("is the file with RDS' authorities, the edge, another region for copies, and in prod a budget and a copy of backups", () => {
    const empty = awsDataSchema.parse({ objects: { replicaRegion: "eu-central-1" } });
    const paths = (environment: "dev" | "prod") =>
      awsDataFaults(empty, { ...stack, environment }).map(([path]) => path);
    expect(paths("prod")).toEqual([
      ...["database.caBundle", "edge", "budget", "objects.replicaRegion", "backup.copyRegion"],
    ]);
    expect(paths("dev")).toEqual(["database.caBundle", "edge", "objects.replicaRegion"]);
    expect(awsDataFaults(empty, stack)[0]?.[1]).toContain("https://truststore.pki.rds.amazonaws.com/<region>/");
  });
});

describe("what generations and backups say against each other", () => {
  it("is told with where it stands in the file", () => {
    const database = { caBundle: "rds.pem", serving: "gone", backupWindow: "05:30-06:30" };
    const data = awsDataSchema.parse({ database, edge: EDGE });
    const stack = { environment: "dev", region: "eu-central-1", account: "123456789012" } as const;
    expect(awsDataFaults(data, stack).map(([path]) => path)).toEqual(["database.serving", "backup.at"]);
  });
});

describe("redisPassword on AWS", () => {
  it("has no more characters, and no others, than ElastiCache takes; the message does not print it", () => {
    for (const fine of ["a-password-of-16", "x".repeat(128)]) expect(authTokenFault(fine)).toBeUndefined();
    for (const bad of ["with_underscore_16", "x".repeat(129), "short-15-signs-", "with a space 16 ch"]) {
      expect(authTokenFault(bad)).toMatch(/^\(\d+ characters\) must be 16 to 128 letters, digits or -/);
      expect(authTokenFault(bad)).not.toContain(bad);
    }
  });
});
