import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { inputs, TYPES as AWS } from "../../test/pulumi/aws.ts";
import { inputsOf, TYPES } from "../../test/pulumi/kubernetes.ts";
import { ownFiles, prodStack, recordProd, type OwnFiles } from "../../test/pulumi/prod-stack.ts";
import type { RecordedResource } from "../../test/pulumi/recorder.ts";
import { drillSchedule } from "./drilled-database.ts";
import { awsBackupSchema } from "../../configs/aws-backup-settings.ts";

let files: OwnFiles;
let resources: readonly RecordedResource[];
beforeAll(async () => {
  files = ownFiles();
  ({ resources } = await recordProd(prodStack(files)));
});
afterAll(() => {
  files.remove();
});

const environment = () => JSON.stringify(inputsOf({ resources }, TYPES.configMap, "drill"));

describe("drills of a database of RDS", () => {
  it("restore and delete what has one name and the stack's mark, and change nothing else", () => {
    const policy = JSON.parse(String(inputs(resources, AWS.rolePolicy, "drill")["policy"])) as {
      Statement: { Action: string[]; Resource: string[]; Condition?: Record<string, Record<string, string>> }[];
    };
    const told = policy.Statement.map(({ Action, Resource, Condition = {} }) => [
      ...[Action.join(), Resource.map((arn) => arn.split(":").slice(5, 6).join()).join()],
      Object.values(Condition)
        .map((one) => Object.entries(one).join())
        .join(" "),
    ]);
    const through = "kms:ViaService,rds.eu-central-1.amazonaws.com";
    expect(told).toEqual([
      ["rds:DescribeDBInstances", "database,db", ""],
      ["rds:RestoreDBInstanceToPointInTime", "database,subgrp,pg,og", ""],
      ["rds:RestoreDBInstanceToPointInTime,rds:AddTagsToResource", "db", "aws:RequestTag/slipway:drill,unit"],
      ["rds:DeleteDBInstance", "db", "aws:ResourceTag/slipway:drill,unit"],
      ["kms:DescribeKey", expect.any(String), through],
      ["kms:CreateGrant", expect.any(String), `${through} kms:GrantIsForAWSResource,true`],
    ]);
    const deleted = policy.Statement[3]?.Resource[0]?.split(":").at(-1) ?? "none";
    expect(environment()).toContain(`"DRILL_INSTANCE":"${deleted}"`);
  });

  it("run in a pod that reaches databases and AWS, marked with what its role asks for", () => {
    expect(environment()).toContain(String.raw`\"slipway:drill\":\"unit\"`);
    const clients = (name: string) => JSON.stringify(inputsOf({ resources }, TYPES.policy, name)["spec"]);
    for (const name of ["clients-to-postgres", "drill-to-rds", "clients-to-redis"])
      expect([name, clients(name).includes('"drill"')]).toEqual([name, name !== "clients-to-redis"]);
    const spec = inputsOf({ resources }, TYPES.cronJob, "drill")["spec"];
    expect(spec).toMatchObject({ schedule: "0 8 * * 0", concurrencyPolicy: "Forbid", timeZone: "Etc/UTC" });
  });

  it.each([
    [{}, "0 8 * * 0"],
    [{ at: "23:30", weeklyOn: "sat" }, "30 1 * * 0"],
    [{ at: "04:15", drillDays: 1 }, "15 6 * * *"],
  ])("come two hours after a backup: %j", (settings, cron) => {
    expect(drillSchedule(awsBackupSchema.parse(settings)).cron).toBe(cron);
  });
});
