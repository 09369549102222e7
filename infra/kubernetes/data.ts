import type { Output } from "@pulumi/pulumi";
import { RandomPassword } from "@pulumi/random";
import { dataSettings } from "../../configs/stack-backup.ts";
import type { Cache, Database, Trust } from "../contract.ts";
import { servingRedisUser, servingRoles } from "../logins.ts";
import type { StackSecrets } from "../secrets.ts";
import { agentParts, backupAgent, type AgentArgs, type AgentParts, type BackedUpObjects } from "./backup-agent.ts";
import { authorityCertificate } from "./certificate.ts";
import type { Company, DataServiceContext } from "./data-service.ts";
import type { Place } from "./place.ts";
import type { PullPolicy } from "./pod.ts";
import { postgres } from "./postgres.ts";
import { redis } from "./redis.ts";
import type { Repository } from "./repository.ts";
import { ownedDisk } from "./shared-disk.ts";
import type { ClusterConfig } from "./settings.ts";
import type { Server } from "./surroundings.ts";

export interface DataArgs {
  readonly config: ClusterConfig;
  readonly secrets: StackSecrets;
  readonly pullPolicy: PullPolicy;
  readonly fingerprintKey: Output<string>;
  readonly priorityClass: Output<string>;
  /** @default no backups are made */
  readonly backups?: { readonly repository: Repository; readonly objects: BackedUpObjects } | undefined;
  readonly place: Place;
}

export interface Data {
  readonly database: Server<Database>;
  readonly cache: Server<Cache>;
  /** Who makes backups, where they are made. */
  readonly agent?: { readonly args: AgentArgs; readonly parts: AgentParts };
}

/** Length of the seed: 44 of 62 characters are 261 bits. */
const SEED_LENGTH = 44;

/** Postgres and Redis: those that exist already, or in the cluster; and the agent that backs both up. */
export function dataServices(args: DataArgs): Data {
  const { parent } = args.place;
  const seed = new RandomPassword("data-certificates", { length: SEED_LENGTH, special: false }, { parent }).result;
  const agentArgs = agent(args, seed);
  if (agentArgs === undefined) return { database: database(args, seed), cache: cache(args, seed) };
  const parts = agentParts(agentArgs);
  const { claimName } = agentArgs.objects;
  const after = claimName === undefined ? [] : [ownedDisk(agentArgs, parts, claimName)];
  return {
    database: database(args, seed, { ...backupAgent(agentArgs, parts), after }),
    cache: cache(args, seed),
    agent: { args: agentArgs, parts },
  };
}

/** The agent stands in Postgres' pod, and so knows the names of both before they are there. */
function agent(args: DataArgs, seed: Output<string>): AgentArgs | undefined {
  const { backups, config, secrets, pullPolicy, fingerprintKey, place } = args;
  if (backups === undefined) return undefined;
  const tls = { ca: seed.apply(authorityCertificate) };
  const { external } = config.kubernetes.redis;
  return {
    ...{ ...backups, config, pullPolicy, fingerprintKey, place },
    database: { host: "postgres", port: 5432, name: "slipway", ...servingRoles(secrets), tls },
    cache: {
      host: external?.host ?? "redis",
      port: external?.port ?? 6379,
      ...(external === undefined ? servingRedisUser(secrets.accepted) : {}),
      password: secrets.redisPassword,
      tls: external === undefined ? tls : trust(external),
    },
  };
}

function database(args: DataArgs, seed: Output<string>, company?: Company): Server<Database> {
  const { config, secrets } = args;
  const { external, maxConnections } = config.kubernetes.postgres;
  if (external !== undefined) {
    const { host, port, cidrs } = external;
    const is = { host, port, name: external.database, ...servingRoles(secrets), tls: trust(external) };
    return { is, fullHost: host, ready: [], where: { port, cidrs } };
  }
  const made = postgres({
    ...context(args, "postgres", seed),
    logins: secrets.accepted.database.logins,
    maxConnections,
    repository: args.backups?.repository,
    company,
  });
  const is = { host: made.host, port: 5432, name: "slipway", ...servingRoles(secrets), tls: { ca: made.ca } };
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
  const { passwords } = secrets.accepted.redis;
  const made = redis({ ...context(args, "redis", seed), passwords, maxMemoryMiB: config.redis.maxMemoryMiB });
  const is = { host: made.host, port: 6379, ...servingRedisUser(secrets.accepted), password, tls: { ca: made.ca } };
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
    data: dataSettings(args.config.data),
    seed,
    fingerprintKey: args.fingerprintKey,
    priorityClass: args.priorityClass,
    place: args.place,
  };
}
