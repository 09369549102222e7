import { output } from "@pulumi/pulumi";
import { beforeAll, describe, expect, it } from "vitest";
import { arnOf, inputs, names, recordAws, TYPES } from "../../test/pulumi/aws-data.ts";
import type { RecordedResource } from "../../test/pulumi/recorder.ts";
import { resolveSize } from "../plan/sizes.ts";
import { backupAlarms, cacheAlarms, databaseAlarms, drillAlarms, edgeAlarms } from "./alarms.ts";

const TOPIC = arnOf("sns", "team");
const CERTIFICATE = arnOf("acm", "edge");

let resources: readonly RecordedResource[];
beforeAll(async () => {
  ({ resources } = await recordAws((place) => {
    const common = { settings: { topics: [TOPIC] }, place };
    databaseAlarms({ identifier: output("db-1"), size: resolveSize("unit", "small").database, ...common });
    cacheAlarms({ identifier: output("cache-1"), nodes: 2, ...common });
    const edge = { loadBalancer: "app/edge", targetGroup: "targetgroup/edge", certificateArn: CERTIFICATE };
    edgeAlarms({ ...edge, ...common });
    backupAlarms({ vault: output("vault-1"), areCopied: true, ...common });
    drillAlarms({ temporary: "drill-1", drillDays: 6, ...common });
  }));
});

/** When it is raised: `<namespace> <metric> <statistic> <comparison> <threshold>, <periods> x <seconds> s, none: <meaning>`. */
function condition(name: string): string {
  const of = inputs(resources, TYPES.alarm, name);
  const measure = ["namespace", "metricName", "statistic", "comparisonOperator", "threshold"].map((key) => of[key]);
  const time = `${String(of["datapointsToAlarm"])}/${String(of["evaluationPeriods"])} x ${String(of["period"])} s`;
  return `${measure.join(" ")}, ${time}, none: ${String(of["treatMissingData"])}`;
}

const dimensions = (name: string) => inputs(resources, TYPES.alarm, name)["dimensions"];

describe("alarms", () => {
  it.each([
    // 5 % of 50 GiB, of 4 GiB, and 80 % of 383 connections.
    ["alarm-database-storage", "AWS/RDS FreeStorageSpace Minimum LessThanThreshold 2684354560, 15/15 x 60 s"],
    ["alarm-database-memory", "AWS/RDS FreeableMemory Minimum LessThanThreshold 214748364, 15/15 x 60 s"],
    ["alarm-database-cpu", "AWS/RDS CPUUtilization Average GreaterThanThreshold 85, 15/15 x 60 s"],
    ["alarm-database-connections", "AWS/RDS DatabaseConnections Maximum GreaterThanThreshold 306, 5/5 x 60 s"],
    [
      "alarm-database-wraparound",
      "AWS/RDS MaximumUsedTransactionIDs Maximum GreaterThanThreshold 1000000000, 15/15 x 60 s",
    ],
    [
      "alarm-cache-memory-001",
      "AWS/ElastiCache DatabaseMemoryUsagePercentage Maximum GreaterThanThreshold 80, 5/5 x 60 s",
    ],
    ["alarm-cache-cpu-002", "AWS/ElastiCache EngineCPUUtilization Average GreaterThanThreshold 85, 10/10 x 60 s"],
    ["alarm-edge-certificate", "AWS/CertificateManager DaysToExpiry Minimum LessThanThreshold 30, 1/1 x 86400 s"],
  ])("%s is raised when it has to be, and silent where there is no measure", (name, expected) => {
    expect(condition(name)).toBe(`${expected}, none: missing`);
  });

  it("are raised where no measure says that nothing serves, and not where none says that nothing failed", () => {
    expect(condition("alarm-edge-targets")).toBe(
      "AWS/ApplicationELB HealthyHostCount Minimum LessThanThreshold 1, 2/2 x 60 s, none: breaching",
    );
    for (const [name, metric] of [
      ["alarm-edge-errors", "HTTPCode_ELB_5XX_Count"],
      ["alarm-api-errors", "HTTPCode_Target_5XX_Count"],
    ] as const)
      expect(condition(name)).toBe(
        `AWS/ApplicationELB ${metric} Sum GreaterThanThreshold 10, 5/5 x 60 s, none: notBreaching`,
      );
  });

  it("are raised by the first backup or copy that fails or does not begin, and by none of a day and a half", async () => {
    for (const [name, metric] of [
      ["alarm-backup-failed", "NumberOfBackupJobsFailed"],
      ["alarm-backup-expired", "NumberOfBackupJobsExpired"],
      ["alarm-backup-copy-failed", "NumberOfCopyJobsFailed"],
    ] as const) {
      expect(condition(name)).toBe(`AWS/Backup ${metric} Sum GreaterThanThreshold 0, 1/1 x 3600 s, none: notBreaching`);
      expect(dimensions(name)).toEqual({ BackupVaultName: "vault-1" });
    }
    expect(condition("alarm-backup-late")).toBe(
      "AWS/Backup NumberOfBackupJobsCompleted Sum LessThanThreshold 1, 3/3 x 43200 s, none: breaching",
    );
    expect(dimensions("alarm-backup-late")).toEqual({ BackupVaultName: "vault-1", ResourceType: "RDS" });
    const alone = await recordAws((place) => {
      backupAlarms({ vault: output("vault-1"), areCopied: false, settings: { topics: [TOPIC] }, place });
    });
    expect(names(alone.resources, TYPES.alarm)).not.toContain("alarm-backup-copy-failed");
  });

  it("are raised by no drill for a day more than there may be between two, as far back as CloudWatch looks, and by one that is left", async () => {
    expect(condition("alarm-drill-late")).toBe(
      "AWS/RDS DatabaseConnections SampleCount LessThanThreshold 1, 7/7 x 86400 s, none: breaching",
    );
    expect(condition("alarm-drill-left")).toBe(
      "AWS/RDS DatabaseConnections SampleCount GreaterThanThreshold 0, 7/7 x 3600 s, none: notBreaching",
    );
    for (const name of ["alarm-drill-late", "alarm-drill-left"])
      expect(dimensions(name)).toEqual({ DBInstanceIdentifier: "drill-1" });
    const seldom = await recordAws((place) => {
      drillAlarms({ temporary: "drill-1", drillDays: 7, settings: { topics: [TOPIC] }, place });
    });
    expect(names(seldom.resources, TYPES.alarm)).toEqual(["alarm-drill-left"]);
  });

  it("look at the stack's own things", () => {
    expect(dimensions("alarm-database-cpu")).toEqual({ DBInstanceIdentifier: "db-1" });
    expect(dimensions("alarm-cache-cpu-001")).toEqual({ CacheClusterId: "cache-1-001", CacheNodeId: "0001" });
    expect(dimensions("alarm-cache-memory-002")).toEqual({ CacheClusterId: "cache-1-002", CacheNodeId: "0001" });
    expect(dimensions("alarm-edge-targets")).toEqual({ LoadBalancer: "app/edge", TargetGroup: "targetgroup/edge" });
    expect(dimensions("alarm-edge-errors")).toEqual({ LoadBalancer: "app/edge" });
    expect(dimensions("alarm-edge-certificate")).toEqual({ CertificateArn: CERTIFICATE });
  });

  it("are told, with their end, to the topics of the stack's file, and say what to look at", () => {
    const all = names(resources, TYPES.alarm);
    expect(all).toHaveLength(19);
    for (const name of all) {
      const given = inputs(resources, TYPES.alarm, name);
      expect(given, name).toMatchObject({ alarmActions: [TOPIC], okActions: [TOPIC] });
      expect(String(given["alarmDescription"]).length, name).toBeGreaterThan(40);
    }
  });
});
