import type { Provider } from "@pulumi/aws/provider.js";
import { output, type Input, type Resource } from "@pulumi/pulumi";
import type { AwsSettings } from "../../configs/aws-settings.ts";
import type { Surroundings } from "../kubernetes/surroundings.ts";
import type { NetworkPlan } from "../plan/networks.ts";
import type { ResolvedSize } from "../plan/sizes.ts";
import { databaseFiles, servingRoles } from "../logins.ts";
import type { StackSecrets } from "../secrets.ts";
import { backupAlarms, cacheAlarms, databaseAlarms } from "./alarms.ts";
import { backups } from "./backups.ts";
import { budget } from "./budget.ts";
import { cache, type ElastiCache } from "./cache.ts";
import { database, type RdsDatabase } from "./database.ts";
import type { Foundation } from "./foundation.ts";
import { key } from "./keys.ts";
import { mirrors, type Mirrors } from "./mirrors.ts";
import { objects, type ObjectsArgs, type S3Objects } from "./objects.ts";
import type { AwsPlace } from "./place.ts";
import { registry, type Registry } from "./registry.ts";

export interface DataServicesArgs {
  readonly settings: AwsSettings;
  /** Of `awsSize`. */
  readonly size: ResolvedSize;
  /** Of `awsNetwork`. */
  readonly networkPlan: NetworkPlan;
  readonly foundation: Pick<Foundation, "account" | "keys" | "network" | "cluster">;
  readonly secrets: StackSecrets;
  /** Makes a provider as the place's own is, for another region; asked once for each that the stack's file names. */
  readonly providerOf: (region: string) => Provider;
  readonly place: AwsPlace;
}

/** What the product stands on, as a platform takes it, and what else there is of it. */
export interface DataServices extends Pick<Surroundings, "database" | "cache" | "objects"> {
  readonly rds: RdsDatabase;
  readonly elastiCache: ElastiCache;
  readonly s3: S3Objects;
  readonly registry: Registry;
  readonly mirrors: Mirrors;
}

/**
 * S3 has no addresses that a policy could name: the network's endpoint for it takes whatever goes to S3's own. The other one is the agent of
 * EKS on each node, which hands pods the credentials of their role.
 */
const OBJECT_PEERS = [
  { cidr: "0.0.0.0/0", port: 443 },
  { cidr: "169.254.170.23/32", port: 80 },
] as const;

/**
 * Everything that keeps data: Postgres, Redis, artifacts, images, the mirrors of secrets, and backups; and what tells of them, alarms and the budget.
 *
 * @throws PlanError where the stack's file and the size do not go together; database.ts says when
 */
export function dataServices(args: DataServicesArgs): DataServices {
  const { settings, foundation, secrets, place } = args;
  const { keys } = foundation;
  const { data } = settings;
  const placeIn = placesElsewhere(args);
  const rds = postgres(args);
  const elastiCache = redis(args);
  const s3 = objects({
    ...{ settings: data.objects, keyArn: keys.objects, account: foundation.account, place },
    ...replica(args, placeIn),
  });
  databaseAlarms({ settings: data.alarms, identifier: rds.identifier, size: args.size.database, place });
  cacheAlarms({ settings: data.alarms, identifier: elastiCache.identifier, nodes: data.cache.nodes, place });
  const common = { keys, account: foundation.account, placeIn, place };
  const { vault, areCopied } = backups({ settings: data.backup, databases: rds.arns, bucket: s3.arn, ...common });
  backupAlarms({ settings: data.alarms, vault, areCopied, place });
  if (data.budget !== undefined) budget({ settings: data.budget, place });
  const cidrs = args.networkPlan.data.map(({ cidr }) => cidr);
  return {
    database: server(rds, cidrs),
    cache: server(elastiCache, cidrs),
    objects: { url: s3.url, peers: OBJECT_PEERS },
    ...{ rds, elastiCache, s3 },
    registry: registry({ settings: data.registry, keyArn: keys.registry, place }),
    mirrors: mirrors({ settings: data.mirrors, secrets, keyArn: keys.secrets, place }),
  };
}

/** Where data services stand, and who may reach them: pods have their nodes' group. */
function reach({ network, cluster }: DataServicesArgs["foundation"]) {
  return { vpcId: network.vpcId, subnetIds: [...network.data.values()], sources: { nodes: cluster.nodesGroupId } };
}

function postgres({ settings, size, foundation, secrets, place }: DataServicesArgs): RdsDatabase {
  const { account, keys } = foundation;
  return database({
    ...{ settings: settings.data.database, size: size.database, ...reach(foundation), keys, account, place },
    roles: { ...servingRoles(secrets), roleFiles: databaseFiles(secrets.accepted.database.logins) },
  });
}

function redis({ settings, size, foundation, secrets, place }: DataServicesArgs): ElastiCache {
  return cache({
    ...{ settings: settings.data.cache, size: size.cache, ...reach(foundation), keys: foundation.keys },
    ...{ password: secrets.redisPassword, token: secrets.cacheToken, place },
  });
}

type PlaceIn = (region: string) => AwsPlace;

/** Where resources of other regions stand, with one provider for each. */
function placesElsewhere({ providerOf, place }: DataServicesArgs): PlaceIn {
  const places = new Map<string, AwsPlace>();
  return (region) => {
    const there = places.get(region) ?? { ...place, provider: providerOf(region) };
    places.set(region, there);
    return there;
  };
}

/** A key never leaves its region: the copy has one of its own there. */
function replica({ settings, foundation }: DataServicesArgs, placeIn: PlaceIn): Pick<ObjectsArgs, "replica"> {
  const { replicaRegion: region } = settings.data.objects;
  if (region === undefined) return {};
  const there = placeIn(region);
  const account = { ...foundation.account, region };
  const keyArn = key({ purpose: "objects", name: "key-objects-replica", account, place: there });
  return { replica: { place: there, keyArn } };
}

interface Reached<T> {
  readonly is: T;
  readonly ready: Resource;
}

/** A data service as a platform in the cluster takes it. */
function server<T extends { readonly host: Input<string>; readonly port: number }>(
  { is, ready }: Reached<T>,
  cidrs: readonly string[],
) {
  return { is, fullHost: output(is.host), ready: [ready], where: { port: is.port, cidrs } };
}
