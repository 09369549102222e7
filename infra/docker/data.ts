import type { ComponentResource, Output } from "@pulumi/pulumi";
import { backupSettings, dataSettings } from "../../configs/stack-backup.ts";
import type { StackConfig } from "../../configs/stack.ts";
import type { Cache, Database } from "../contract.ts";
import { servingRedisUser, servingRoles } from "../logins.ts";
import type { BackupSecrets, StackSecrets } from "../secrets.ts";
import { archive, type Archive } from "./archive.ts";
import { backup } from "./backup.ts";
import { dataVolume, type DataService } from "./data-service.ts";
import type { Images } from "./image.ts";
import type { ObjectVolume } from "./objects.ts";
import { postgres } from "./postgres.ts";
import { redis } from "./redis.ts";

export interface DataArgs {
  readonly config: StackConfig;
  readonly secrets: StackSecrets;
  readonly backupSecrets: BackupSecrets;
  readonly images: Images;
  readonly objects: ObjectVolume;
  /** Name of the inner network. */
  readonly network: Output<string>;
  readonly fingerprintKey: Output<string>;
  readonly parent: ComponentResource;
}

export interface Data {
  readonly database: Database;
  readonly cache: Cache;
  /** Ids of the containers that must be healthy before anything uses them, by service. */
  readonly needs: Readonly<Record<string, Output<string>>>;
}

/** Postgres and Redis, and the agent that backs both up. */
export function dataServices(args: DataArgs): Data {
  const { config, secrets } = args;
  const archiving = repositories(args);
  const server = postgres({
    ...shared(args),
    image: args.images.postgres,
    limits: config.postgres,
    logins: secrets.accepted.database.logins,
    ...(archiving === undefined ? {} : { archive: archiving }),
  });
  const store = redis({
    ...shared(args),
    image: args.images.redis,
    limits: config.redis,
    maxMemoryMiB: config.redis.maxMemoryMiB,
    passwords: secrets.accepted.redis.passwords,
  });
  const database: Database = {
    host: server.host,
    port: 5432,
    name: "slipway",
    ...servingRoles(secrets),
  };
  const cache: Cache = {
    ...{ host: store.host, port: 6379, password: secrets.redisPassword },
    ...servingRedisUser(secrets.accepted),
  };
  if (archiving !== undefined) agent(args, { archiving, server, database, cache });
  return { database, cache, needs: { postgres: server.id, redis: store.id } };
}

function shared({ config, network, parent }: DataArgs) {
  return { data: dataSettings(config.data), network, parent };
}

/** The volume is there without backups too: turning them off deletes none. */
function repositories({ config, backupSecrets, parent }: DataArgs): Archive | undefined {
  const volume = dataVolume("backups", parent);
  const settings = backupSettings(config.backup);
  return settings.enabled ? archive({ settings, secrets: backupSecrets, volume, parent }) : undefined;
}

interface BackedUp {
  readonly archiving: Archive;
  readonly server: DataService;
  readonly database: Database;
  readonly cache: Cache;
}

function agent(args: DataArgs, { archiving, server, database, cache }: BackedUp): void {
  const { config, images, objects, network, fingerprintKey, parent } = args;
  backup({
    config,
    images,
    ...{ archive: archiving, postgres: server, database, cache },
    ...{ objects, network, fingerprintKey, parent },
  });
}
