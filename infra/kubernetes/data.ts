import type { Output } from "@pulumi/pulumi";
import { RandomPassword } from "@pulumi/random";
import type { Cache, Database, Trust } from "../contract.ts";
import type { StackSecrets } from "../secrets.ts";
import type { DataServiceContext } from "./data-service.ts";
import type { Place } from "./place.ts";
import type { PullPolicy } from "./pod.ts";
import { postgres } from "./postgres.ts";
import { redis } from "./redis.ts";
import type { ClusterConfig } from "./settings.ts";
import type { Server } from "./surroundings.ts";

export interface DataArgs {
  readonly config: ClusterConfig;
  readonly secrets: StackSecrets;
  readonly pullPolicy: PullPolicy;
  readonly fingerprintKey: Output<string>;
  readonly priorityClass: Output<string>;
  readonly place: Place;
}

/** Length of the seed: 44 of 62 characters are 261 bits. */
const SEED_LENGTH = 44;

/** Postgres and Redis: those that exist already, or in the cluster. */
export function dataServices(args: DataArgs): { readonly database: Server<Database>; readonly cache: Server<Cache> } {
  const { parent } = args.place;
  const seed = new RandomPassword("data-certificates", { length: SEED_LENGTH, special: false }, { parent }).result;
  return { database: database(args, seed), cache: cache(args, seed) };
}

function database(args: DataArgs, seed: Output<string>): Server<Database> {
  const { config, secrets } = args;
  const { external, maxConnections } = config.kubernetes.postgres;
  const roles = {
    app: { user: "slipway_app", password: secrets.databasePassword },
    owner: { user: "slipway_owner", password: secrets.databaseOwnerPassword },
  };
  if (external !== undefined) {
    const { host, port, cidrs } = external;
    const is = { host, port, name: external.database, ...roles, tls: trust(external) };
    return { is, fullHost: host, ready: [], where: { port, cidrs } };
  }
  const made = postgres({
    ...context(args, "postgres", seed),
    appPassword: secrets.databasePassword,
    ownerPassword: secrets.databaseOwnerPassword,
    maxConnections,
  });
  const is = { host: made.host, port: 5432, name: "slipway", ...roles, tls: { ca: made.ca } };
  return { is, fullHost: made.fullHost, ready: [made.ready], where: { port: 5432 } };
}

function cache(args: DataArgs, seed: Output<string>): Server<Cache> {
  const { config, secrets } = args;
  const { external } = config.kubernetes.redis;
  const password = secrets.redisPassword;
  if (external !== undefined) {
    const { host, port, cidrs } = external;
    return { is: { host, port, password, tls: trust(external) }, fullHost: host, ready: [], where: { port, cidrs } };
  }
  const made = redis({ ...context(args, "redis", seed), password, maxMemoryMiB: config.redis.maxMemoryMiB });
  const is = { host: made.host, port: 6379, password, tls: { ca: made.ca } };
  return { is, fullHost: made.fullHost, ready: [made.ready], where: { port: 6379 } };
}

function trust({ ca }: { readonly ca?: string | undefined }): Trust {
  return ca === undefined ? {} : { ca };
}

function context(args: DataArgs, name: "postgres" | "redis", seed: Output<string>): DataServiceContext {
  const { kubernetes, [name]: limits } = args.config;
  const image = kubernetes.images[name];
  if (image === undefined)
    throw new Error(
      `slipway:kubernetes.images.${name} is missing: name its image, or set kubernetes.${name}.external.`,
    );
  const { storageGiB } = kubernetes[name];
  return {
    image,
    pullPolicy: args.pullPolicy,
    limits,
    cpuRequestPercent: kubernetes.cpuRequestPercent,
    disk: { storageGiB, storageClass: kubernetes.storageClass },
    seed,
    fingerprintKey: args.fingerprintKey,
    priorityClass: args.priorityClass,
    place: args.place,
  };
}
