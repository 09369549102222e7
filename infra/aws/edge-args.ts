import type { Input, Resource } from "@pulumi/pulumi";
import type { AlarmSettings, EdgeSettings } from "../../configs/aws-data-settings.ts";
import type { DrainPlan } from "../plan/drain.ts";
import type { AwsPlace } from "./place.ts";

export interface EdgeArgs {
  readonly settings: EdgeSettings;
  /** Who hears of it when the public would notice something. */
  readonly alarms: AlarmSettings;
  readonly vpcId: Input<string>;
  /** Of the public tier, one a zone. */
  readonly subnetIds: readonly Input<string>[];
  /** Port of every node that leads to the API's Service, 30000..32767. */
  readonly nodePort: number;
  /**
   * Auto Scaling groups whose nodes pass requests on, by the pool's name: `edgePools`. Nodes that are added later register themselves. Pools on demand:
   * a spot node takes the requests that pass through it along when it goes.
   */
  readonly autoscalingGroups: Readonly<Record<string, Input<string>>>;
  /** Security group of the nodes. */
  readonly nodesGroupId: Input<string>;
  /** Times that it has to keep, of `planDrain` for the API. */
  readonly drain: NonNullable<DrainPlan["loadBalancer"]>;
  /** The way to the internet: EC2 takes no load balancer that faces the public without one, nor lets one go before it. */
  readonly needs: readonly Resource[];
  /** ARN of the KMS key of logs. */
  readonly logsKeyArn: Input<string>;
  readonly place: AwsPlace;
}
