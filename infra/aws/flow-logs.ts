import { LogGroup } from "@pulumi/aws/cloudwatch/logGroup.js";
import { FlowLog } from "@pulumi/aws/ec2/flowLog.js";
import { interpolate, jsonStringify, type Input } from "@pulumi/pulumi";
import { options, tagged, type AwsAccount, type AwsPlace } from "./place.ts";
import { role, type MadeRole } from "./role.ts";
import { stateful } from "./stateful.ts";

export interface FlowLogsArgs {
  readonly vpcId: Input<string>;
  /** Days that they are kept. */
  readonly days: number;
  /** ARN of the KMS key of logs. */
  readonly keyArn: Input<string>;
  readonly account: AwsAccount;
  readonly place: AwsPlace;
}

const NAME = "flow-logs";

/** Seconds of one line of the log. The shorter of the two that there are has ten times the lines. */
const INTERVAL_SECONDS = 600;

/** Every connection of the network, taken and refused ones, in an encrypted log. */
export function flowLogs({ vpcId, days, keyArn, account, place }: FlowLogsArgs): void {
  const group = new LogGroup(
    NAME,
    { retentionInDays: days, kmsKeyId: keyArn, tags: tagged(place, NAME) },
    // What an intruder did is asked after the fact.
    stateful(place),
  );
  const writer = writerRole(group, account, place);
  new FlowLog(
    NAME,
    {
      vpcId,
      trafficType: "ALL",
      logDestinationType: "cloud-watch-logs",
      logDestination: group.arn,
      iamRoleArn: writer.arn,
      maxAggregationInterval: INTERVAL_SECONDS,
      tags: tagged(place, NAME),
    },
    options(place, { dependsOn: [...writer.rights] }),
  );
}

function writerRole(group: LogGroup, { account, region }: AwsAccount, place: AwsPlace): MadeRole {
  return role({
    ...{ name: NAME, description: "Writes the log of the stack's network", service: "vpc-flow-logs.amazonaws.com" },
    conditions: {
      StringEquals: { "aws:SourceAccount": account },
      ArnLike: { "aws:SourceArn": `arn:aws:ec2:${region}:${account}:vpc-flow-log/*` },
    },
    policy: jsonStringify({
      Version: "2012-10-17",
      Statement: [
        {
          Effect: "Allow",
          Action: ["logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogStreams"],
          Resource: [group.arn, interpolate`${group.arn}:*`],
        },
        {
          Effect: "Allow",
          Action: ["logs:DescribeLogGroups"],
          Resource: `arn:aws:logs:${region}:${account}:log-group:*`,
        },
      ],
    }),
    place,
  });
}
