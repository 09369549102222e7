import type { ComponentResource, Input, Output } from "@pulumi/pulumi";
import { SECRETS_FOLDER, type Limits } from "../contract.ts";
import { dataService, type DataService } from "./data-service.ts";
import { secretFiles } from "./secret-files.ts";

export interface PostgresArgs {
  readonly image: Input<string>;
  readonly limits: Limits;
  readonly network: Input<string>;
  readonly appPassword: Output<string>;
  readonly ownerPassword: Output<string>;
  readonly fingerprintKey: Output<string>;
  readonly parent: ComponentResource;
}

/** User of the image, as its Dockerfile makes it. */
const UID = 10_003;

/** Connections that Postgres takes, those of its superuser included. Each costs it some MiB of memory. */
export const MAX_CONNECTIONS = 100;

/** Postgres 15 with checksums, fsync on, passwords by SCRAM, and no superuser over the network. */
export function postgres(args: PostgresArgs): DataService {
  const secrets = secretFiles({
    service: "postgres",
    files: { "database-password": args.appPassword, "database-owner-password": args.ownerPassword },
    uid: UID,
    image: args.image,
    key: args.fingerprintKey,
    parent: args.parent,
  });
  return dataService({
    name: "postgres",
    image: args.image,
    uid: UID,
    limits: args.limits,
    secrets,
    folder: "/var/lib/postgresql",
    environment: { SECRETS_DIR: SECRETS_FOLDER },
    command: ["-c", `max_connections=${MAX_CONNECTIONS}`],
    health: {
      // By TCP: the server that sets the roles at start listens on the socket alone and must not count as healthy.
      command: ["/usr/lib/postgresql/15/bin/pg_isready", "--quiet", "--host=127.0.0.1", "--dbname=slipway"],
      intervalSeconds: 5,
      timeoutSeconds: 4,
      retries: 5,
      startSeconds: 60,
    },
    network: args.network,
    sharedMemoryMiB: 128,
    parent: args.parent,
  });
}
