import { MetricAlarm } from "@pulumi/aws/cloudwatch/metricAlarm.js";
import { interpolate, type Input, type Output } from "@pulumi/pulumi";
import type { AlarmSettings } from "../../configs/aws-data-settings.ts";
import type { ResolvedSize } from "../plan/sizes.ts";
import { options, tagged, type AwsPlace } from "./place.ts";

/** One thing that somebody should hear of. */
interface Alarm {
  /** Logical name. */
  readonly name: string;
  /** What it means and what to look at first. */
  readonly description: string;
  readonly metric: string;
  /** Which measure of a period counts. */
  readonly statistic: "Average" | "Maximum" | "Minimum" | "SampleCount" | "Sum";
  readonly is: "above" | "below";
  readonly threshold: number;
  /** How long it has to be so. */
  readonly minutes: number;
  /** Minutes between two measures. @default 1 */
  readonly everyMinutes?: number;
  /** What no measure means. @default nothing is known, and nobody is told */
  readonly missing?: "breaching" | "notBreaching";
}

/** Where a service's measures are. */
interface Source {
  readonly namespace: string;
  readonly dimensions: Readonly<Record<string, Input<string>>>;
}

interface Common {
  readonly settings: AlarmSettings;
  readonly place: AwsPlace;
}

const GIB = 2 ** 30;
/** Of what happens once a day. */
const HOURLY = { minutes: 60, everyMinutes: 60 } as const;
const COMPARISON = { above: "GreaterThanThreshold", below: "LessThanThreshold" } as const;

function alarm(one: Alarm, { namespace, dimensions }: Source, { settings: { topics }, place }: Common): void {
  const { name, description, metric, statistic, is, threshold, minutes, everyMinutes = 1, missing = "missing" } = one;
  const evaluationPeriods = Math.ceil(minutes / everyMinutes);
  new MetricAlarm(
    name,
    {
      alarmDescription: description,
      ...{ namespace, dimensions, metricName: metric, statistic, threshold },
      comparisonOperator: COMPARISON[is],
      ...{ period: everyMinutes * 60, evaluationPeriods, datapointsToAlarm: evaluationPeriods },
      treatMissingData: missing,
      alarmActions: topics,
      okActions: topics,
      tags: tagged(place, name),
    },
    options(place),
  );
}

/** Share of its storage that is free while RDS may still add some: it does so below a tenth. */
const FREE_STORAGE = 0.05;
const FREE_MEMORY = 0.05;
const USED_CONNECTIONS = 0.8;
/** Postgres takes no more transactions some 2.1 thousand million after the oldest that was not frozen; autovacuum hurries from 0.2 on. */
const OLDEST_TRANSACTION = 1_000_000_000;

export interface DatabaseAlarmsArgs extends Common {
  readonly identifier: Output<string>;
  readonly size: ResolvedSize["database"];
}

/** What makes Postgres stop or crawl, before it does. */
export function databaseAlarms({ identifier, size, ...common }: DatabaseAlarmsArgs): void {
  const { storageGiB, memoryGiB, maxConnections } = size;
  const alarms: readonly Alarm[] = [
    {
      ...{ name: "alarm-database-storage", metric: "FreeStorageSpace", statistic: "Minimum", is: "below", minutes: 15 },
      threshold: Math.floor(storageGiB * FREE_STORAGE * GIB),
      description: "Storage of Postgres runs out and RDS added none: look at aws.data.database.maxStorageGiB",
    },
    {
      ...{ name: "alarm-database-memory", metric: "FreeableMemory", statistic: "Minimum", is: "below", minutes: 15 },
      threshold: Math.floor(memoryGiB * FREE_MEMORY * GIB),
      description: "Memory of Postgres runs out: fewer connections, or a greater class",
    },
    {
      ...{ name: "alarm-database-cpu", metric: "CPUUtilization", statistic: "Average", is: "above", minutes: 15 },
      threshold: 85,
      description: "Postgres is busy: look at Performance Insights, then at the class",
    },
    {
      ...{ name: "alarm-database-connections", metric: "DatabaseConnections", statistic: "Maximum" },
      ...{ is: "above", minutes: 5, threshold: Math.floor(maxConnections * USED_CONNECTIONS) },
      description: "Postgres has few connections left: look at who holds them",
    },
    {
      ...{ name: "alarm-database-wraparound", metric: "MaximumUsedTransactionIDs", statistic: "Maximum" },
      ...{ is: "above", minutes: 15, threshold: OLDEST_TRANSACTION },
      description: "Autovacuum does not keep up: look for old transactions and replication slots",
    },
  ];
  const source = { namespace: "AWS/RDS", dimensions: { DBInstanceIdentifier: identifier } };
  for (const one of alarms) alarm(one, source, common);
}

export interface CacheAlarmsArgs extends Common {
  readonly identifier: Output<string>;
  /** How many there are. */
  readonly nodes: number;
}

/** For each node, as any may be the primary. */
export function cacheAlarms({ identifier, nodes, ...common }: CacheAlarmsArgs): void {
  for (let node = 1; node <= nodes; node += 1) {
    // As ElastiCache names the nodes of a group.
    const member = String(node).padStart(3, "0");
    const dimensions = { CacheClusterId: interpolate`${identifier}-${member}`, CacheNodeId: "0001" };
    for (const one of cacheNodeAlarms(member)) alarm(one, { namespace: "AWS/ElastiCache", dimensions }, common);
  }
}

function cacheNodeAlarms(member: string): readonly Alarm[] {
  return [
    {
      ...{ name: `alarm-cache-memory-${member}`, metric: "DatabaseMemoryUsagePercentage", statistic: "Maximum" },
      ...{ is: "above", minutes: 5, threshold: 80 },
      description: "Redis fills up, and refuses writes when it is full: look at the queues' lengths, then at the type",
    },
    {
      ...{ name: `alarm-cache-cpu-${member}`, metric: "EngineCPUUtilization", statistic: "Average" },
      ...{ is: "above", minutes: 10, threshold: 85 },
      description: "Redis' one thread is busy: look at its slow log, then at the type",
    },
  ];
}

export interface BackupAlarmsArgs extends Common {
  /** Name of the vault. */
  readonly vault: Output<string>;
  /** Whether backups are copied elsewhere. */
  readonly areCopied: boolean;
}

/** Whether backups are made. Whether they can be restored shows in a restore alone. */
export function backupAlarms({ vault, areCopied, ...common }: BackupAlarmsArgs): void {
  const source = { namespace: "AWS/Backup", dimensions: { BackupVaultName: vault } };
  const failed = { statistic: "Sum", is: "above", threshold: 0, ...HOURLY, missing: "notBreaching" } as const;
  const alarms: readonly Alarm[] = [
    {
      ...{ name: "alarm-backup-failed", metric: "NumberOfBackupJobsFailed", ...failed },
      description: "A backup failed: its job in AWS Backup says why; look at the role's rights and the vault's lock",
    },
    {
      ...{ name: "alarm-backup-expired", metric: "NumberOfBackupJobsExpired", ...failed },
      description: "A backup did not begin in time: look at what RDS did in that hour, then at aws.data.backup.at",
    },
  ];
  for (const one of alarms) alarm(one, source, common);
  if (areCopied)
    alarm(
      {
        ...{ name: "alarm-backup-copy-failed", metric: "NumberOfCopyJobsFailed", ...failed },
        description: "A backup was not copied: its copy job says why; look at the other vault's policy, key and lock",
      },
      source,
      common,
    );
  alarm(
    {
      ...{ name: "alarm-backup-late", metric: "NumberOfBackupJobsCompleted", statistic: "Sum", is: "below" },
      // A day and a half, so that a backup that takes its time is none that is missing. A new stack has none yet.
      ...{ threshold: 1, minutes: 2160, everyMinutes: 720, missing: "breaching" },
      description: "No backup of Postgres was made for a day and a half: look at the plan and its jobs in AWS Backup",
    },
    { ...source, dimensions: { ...source.dimensions, ResourceType: "RDS" } },
    common,
  );
}

/** CloudWatch looks back so many days at most: a drill that is due less often is late without an alarm. */
const LOOKS_BACK_DAYS = 7;
const DAY_MINUTES = 1440;
/** A drill is ended after six hours, and deletes what it made. */
const LONGEST_DRILL_MINUTES = 7 * 60;

export interface DrillAlarmsArgs extends Common {
  /** Identifier of the instance that drills make: its measures are the only ones that CloudWatch has of a drill. */
  readonly temporary: Input<string>;
  /** Most days between two drills. */
  readonly drillDays: number;
}

/** Whether restores are tried: the instance of a drill has measures while it is there. Whether one went well the API's own metrics say. */
export function drillAlarms({ temporary, drillDays, ...common }: DrillAlarmsArgs): void {
  const source = { namespace: "AWS/RDS", dimensions: { DBInstanceIdentifier: temporary } };
  const measure = { metric: "DatabaseConnections", statistic: "SampleCount" } as const;
  alarm(
    {
      ...{ name: "alarm-drill-left", ...measure, is: "above", threshold: 0, missing: "notBreaching" },
      ...{ minutes: LONGEST_DRILL_MINUTES, everyMinutes: 60 },
      description:
        "The instance of a drill of the database is still there, and costs money: the drill failed or was killed. Look at its job, then drill again",
    },
    source,
    common,
  );
  const days = drillDays + 1;
  if (days > LOOKS_BACK_DAYS) return;
  alarm(
    {
      ...{ name: "alarm-drill-late", ...measure, is: "below", threshold: 1, missing: "breaching" },
      ...{ minutes: days * DAY_MINUTES, everyMinutes: DAY_MINUTES },
      description: `No restore of the database was tried for ${days} days: look at the CronJob of drills and what RDS said to the last one`,
    },
    source,
    common,
  );
}

export interface EdgeAlarmsArgs extends Common {
  /** ARNs' last parts, by which CloudWatch knows them. */
  readonly loadBalancer: Input<string>;
  readonly targetGroup: Input<string>;
  readonly certificateArn: Input<string>;
}

/** What the public would notice. How long jobs wait is measured inside the cluster. */
export function edgeAlarms({ loadBalancer, targetGroup, certificateArn, ...common }: EdgeAlarmsArgs): void {
  const balancer = { namespace: "AWS/ApplicationELB", dimensions: { LoadBalancer: loadBalancer } };
  const targets = { ...balancer, dimensions: { LoadBalancer: loadBalancer, TargetGroup: targetGroup } };
  const few = { statistic: "Sum", is: "above", threshold: 10, minutes: 5, missing: "notBreaching" } as const;
  alarm(
    {
      ...{ name: "alarm-edge-targets", metric: "HealthyHostCount", statistic: "Minimum", is: "below" },
      ...{ threshold: 1, minutes: 2, missing: "breaching" },
      description: "No node passes requests on to a ready API: look at its pods",
    },
    targets,
    common,
  );
  alarm(
    {
      ...{ name: "alarm-edge-errors", metric: "HTTPCode_ELB_5XX_Count", ...few },
      description: "The load balancer itself answers with errors: no target, or none in time",
    },
    balancer,
    common,
  );
  alarm(
    {
      ...{ name: "alarm-api-errors", metric: "HTTPCode_Target_5XX_Count", ...few },
      description: "The API answers with errors: look at its log, then at Postgres and Redis",
    },
    targets,
    common,
  );
  alarm(
    {
      ...{ name: "alarm-edge-certificate", metric: "DaysToExpiry", statistic: "Minimum", is: "below" },
      ...{ threshold: 30, minutes: 1440, everyMinutes: 1440 },
      description: "The certificate was not renewed: look whether its record still stands in the zone",
    },
    { namespace: "AWS/CertificateManager", dimensions: { CertificateArn: certificateArn } },
    common,
  );
}
