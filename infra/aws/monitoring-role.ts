import { interpolate, type Input } from "@pulumi/pulumi";
import type { AwsAccount, AwsPlace } from "./place.ts";
import { role, type MadeRole } from "./role.ts";

export interface MonitoringRoleArgs {
  /** Logical name. */
  readonly name: string;
  /** Of the instance. */
  readonly identifier: Input<string>;
  readonly account: AwsAccount;
  readonly place: AwsPlace;
}

/** The role with which RDS writes what it sees of one instance's machines. */
export function monitoringRole({
  name,
  identifier,
  account: { account, region },
  place,
}: MonitoringRoleArgs): MadeRole {
  return role({
    name,
    description: "Enhanced monitoring of the stack's Postgres",
    service: "monitoring.rds.amazonaws.com",
    conditions: {
      StringEquals: { "aws:SourceAccount": account },
      ArnLike: { "aws:SourceArn": interpolate`arn:aws:rds:${region}:${account}:db:${identifier}` },
    },
    managed: ["service-role/AmazonRDSEnhancedMonitoringRole"],
    place,
  });
}
