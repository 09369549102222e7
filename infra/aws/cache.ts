import { LogGroup } from "@pulumi/aws/cloudwatch/logGroup.js";
import { ParameterGroup } from "@pulumi/aws/elasticache/parameterGroup.js";
import { ReplicationGroup } from "@pulumi/aws/elasticache/replicationGroup.js";
import { SubnetGroup } from "@pulumi/aws/elasticache/subnetGroup.js";
import { interpolate, type Input, type Output, type Resource } from "@pulumi/pulumi";
import { authTokenFault, CACHE_ENGINES, type CacheSettings } from "../../configs/aws-data-settings.ts";
import type { Cache } from "../contract.ts";
import type { CacheToken } from "../secrets.ts";
import type { ResolvedSize } from "../plan/sizes.ts";
import { ownName, stackPart } from "./own-name.ts";
import { options, tagged, type AwsPlace } from "./place.ts";
import { serviceGroup } from "./security-group.ts";
import { stateful } from "./stateful.ts";

export interface CacheArgs {
  readonly settings: CacheSettings;
  readonly size: ResolvedSize["cache"];
  readonly vpcId: Input<string>;
  /** Of the data tier, one a zone. */
  readonly subnetIds: readonly Input<string>[];
  /** Security groups that may reach it, by a name for good. */
  readonly sources: Readonly<Record<string, Input<string>>>;
  /** ARNs of KMS keys by what they encrypt. */
  readonly keys: { readonly cache: Input<string>; readonly logs: Input<string> };
  /** `redisPassword` of the stack, of the slot that serves: 16 to 128 letters, digits or `-`. */
  readonly password: Output<string>;
  /** What ElastiCache is given, and whether the one before goes on opening it. */
  readonly token: CacheToken;
  readonly place: AwsPlace;
}

export interface ElastiCache {
  readonly is: Cache;
  readonly arn: Output<string>;
  /** For metrics and snapshots. */
  readonly identifier: Output<string>;
  readonly securityGroupId: Output<string>;
  /** What has to be there before it serves. */
  readonly ready: Resource;
}

const PORT = 6379;

/** The provider asks for ever where the service never answers as it should. */
const TIMEOUTS = { create: "60m", update: "60m", delete: "60m" } as const;

const LOGS = ["slow-log", "engine-log"] as const;

/**
 * One primary and its replicas in several zones, which take over by themselves: encrypted, by TLS and with a password alone.
 *
 * It is not divided into shards: the keys of BullMQ's scripts would have to lie on one of them anyway. It writes no append-only file, which
 * ElastiCache has not where replicas take over: what a failure loses is brought back from Postgres. Its certificate is of Amazon's public
 * authority, which Node knows.
 */
export function cache(args: CacheArgs): ElastiCache {
  const { settings, vpcId, sources, password, place } = args;
  const identifier = ownName("cache", place);
  const securityGroupId = serviceGroup({
    ...{ name: "cache", description: "Redis of the stack", port: PORT },
    ...{ vpcId, sources, place },
  });
  const group = new ReplicationGroup(
    "cache",
    {
      replicationGroupId: identifier,
      description: `Redis of the stack ${place.stack}`,
      ...engine(args),
      ...nodes(args, securityGroupId),
      ...protection(args),
      snapshotRetentionLimit: settings.snapshotRetentionDays,
      snapshotWindow: settings.snapshotWindow,
      finalSnapshotIdentifier: interpolate`${identifier}-final`,
      logDeliveryConfigurations: logDelivery(args),
      tags: tagged(place, "cache"),
    },
    stateful(place, { customTimeouts: TIMEOUTS }),
  );
  return {
    is: { host: group.primaryEndpointAddress, port: PORT, password, tls: {} },
    ...{ arn: group.arn, identifier, securityGroupId, ready: group },
  };
}

function engine(args: CacheArgs) {
  const { settings } = args;
  return {
    engine: settings.engine,
    engineVersion: CACHE_ENGINES[settings.engine].version,
    autoMinorVersionUpgrade: false,
    // Never in the middle of a day: what restarts nodes waits for the maintenance window.
    applyImmediately: false,
    parameterGroupName: parameterGroup(args),
    maintenanceWindow: settings.maintenanceWindow,
  };
}

function nodes({ settings, size, subnetIds, place }: CacheArgs, securityGroupId: Output<string>) {
  const subnets = new SubnetGroup(
    "cache",
    { description: "Data subnets of the stack", subnetIds: [...subnetIds], tags: tagged(place, "cache") },
    options(place),
  );
  return {
    nodeType: size.nodeType,
    numCacheClusters: settings.nodes,
    multiAzEnabled: true,
    automaticFailoverEnabled: true,
    port: PORT,
    subnetGroupName: subnets.name,
    securityGroupIds: [securityGroupId],
  };
}

function protection({ keys, token: { value, isBesideLast }, place }: CacheArgs) {
  return {
    atRestEncryptionEnabled: true,
    kmsKeyId: keys.cache,
    transitEncryptionEnabled: true,
    transitEncryptionMode: "required",
    authToken: value.apply((token) => checked(token, place.stack)),
    // ROTATE: the one before goes on opening it, while clients are given the new one. SET ends that.
    authTokenUpdateStrategy: isBesideLast ? "ROTATE" : "SET",
  };
}

function checked(token: string, stack: string): string {
  const fault = authTokenFault(token);
  if (fault === undefined) return token;
  throw new Error(
    `slipway:redisPassword of Pulumi.${stack}.yaml ${fault} ` +
      "Use `pulumi config set --secret redisPassword`, or `pulumi config rm redisPassword` to have one made.",
  );
}

function parameterGroup({ settings, place }: CacheArgs): Output<string> {
  const { family } = CACHE_ENGINES[settings.engine];
  // By its name, so that another engine gets another group beside this one.
  const name = `cache-${family}`;
  const group = new ParameterGroup(
    name,
    {
      family,
      description: "Redis of the stack",
      // A queue that evicts loses jobs: a full Redis refuses writes instead.
      parameters: [{ name: "maxmemory-policy", value: "noeviction" }],
      tags: tagged(place, name),
    },
    options(place),
  );
  return group.name;
}

function logDelivery({ settings, keys, place }: CacheArgs) {
  return LOGS.map((logType) => ({
    logType,
    logFormat: "json",
    destinationType: "cloudwatch-logs",
    destination: new LogGroup(
      `cache-${logType}`,
      {
        name: `/slipway/${stackPart(place.stack)}/cache/${logType}`,
        retentionInDays: settings.logDays,
        kmsKeyId: keys.logs,
        tags: tagged(place, `cache-${logType}`),
      },
      stateful(place),
    ).name,
  }));
}
