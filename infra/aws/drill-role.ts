import { interpolate, jsonStringify, type Input } from "@pulumi/pulumi";
import { DRILL_TAG } from "../../configs/drill-settings.ts";
import { DRILL } from "../services.ts";
import type { DrilledDatabase } from "../contract.ts";
import type { Cluster } from "./cluster.ts";
import type { AwsAccount, AwsPlace } from "./place.ts";
import { podIdentity, type PodIdentity } from "./pod-identity.ts";

export interface DrillRoleArgs extends Pick<DrilledDatabase, "temporary"> {
  /** ARN of the instance that serves. */
  readonly source: Input<string>;
  /** Names of the groups of RDS that it is in. */
  readonly groups: { readonly subnets: Input<string>; readonly parameters: Input<string> };
  /** ARN of the KMS key that encrypts its storage. */
  readonly keyArn: Input<string>;
  readonly namespace: string;
  readonly cluster: Pick<Cluster, "name" | "arn">;
  readonly account: AwsAccount;
  readonly place: AwsPlace;
}

/**
 * The role of drills: it restores the database that serves into an instance of one name, which has to be marked, looks at both, and deletes what has that
 * name and mark. It changes nothing of the one that serves, and reads no secret.
 */
export function drillRole({ source, temporary, groups, keyArn, ...args }: DrillRoleArgs): PodIdentity {
  const { account, place } = args;
  const arn = (kind: string, name: Input<string>) =>
    interpolate`arn:aws:rds:${account.region}:${account.account}:${kind}:${name}`;
  const made = arn("db", temporary);
  const marked = (key: "RequestTag" | "ResourceTag") => ({
    StringEquals: { [`aws:${key}/${DRILL_TAG}`]: place.stack },
  });
  // Options that RDS gives whoever names none.
  const around = [arn("subgrp", groups.subnets), arn("pg", groups.parameters), arn("og", "default:*")];
  return podIdentity({
    ...{ name: DRILL, description: "Drills of the database", serviceAccount: DRILL, ...args },
    policy: jsonStringify({
      Version: "2012-10-17",
      Statement: [
        allow(["rds:DescribeDBInstances"], [source, made]),
        allow(["rds:RestoreDBInstanceToPointInTime"], [source, ...around]),
        allow(["rds:RestoreDBInstanceToPointInTime", "rds:AddTagsToResource"], [made], marked("RequestTag")),
        allow(["rds:DeleteDBInstance"], [made], marked("ResourceTag")),
        allow(["kms:DescribeKey"], [keyArn], through(account)),
        allow(["kms:CreateGrant"], [keyArn], { ...through(account), Bool: { "kms:GrantIsForAWSResource": "true" } }),
      ],
    }),
  });
}

function allow(Action: readonly string[], Resource: readonly Input<string>[], Condition?: object) {
  return { Effect: "Allow", Action, Resource, ...(Condition === undefined ? {} : { Condition }) };
}

/** RDS opens the storage by a grant of its own, which whoever restores has to be allowed to give it. */
function through({ region }: AwsAccount) {
  return { StringEquals: { "kms:ViaService": `rds.${region}.amazonaws.com` } };
}
