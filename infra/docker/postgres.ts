import type { ComponentResource, Input } from "@pulumi/pulumi";
import type { DataSettings } from "../../configs/stack-backup.ts";
import { SECRETS_FOLDER, type Limits } from "../contract.ts";
import { databaseFiles } from "../logins.ts";
import { generationEnvironment, POSTGRES_FOLDER, POSTGRES_UID } from "../postgres-image.ts";
import type { BySlot, DatabaseLogin } from "../secrets.ts";
import { MAX_CONNECTIONS } from "./connections.ts";
import { dataService, type DataService } from "./data-service.ts";
import { NO_ARCHIVE, type Archive } from "./archive.ts";
import { mutableSecretFiles } from "./secret-files.ts";

export interface PostgresArgs {
  readonly image: Input<string>;
  readonly limits: Limits;
  readonly network: Input<string>;
  /** Passwords that it takes. A slot that is left out is refused. */
  readonly logins: BySlot<DatabaseLogin>;
  readonly data: DataSettings;
  /** Where its WAL goes. @default nowhere */
  readonly archive?: Archive;
  readonly parent: ComponentResource;
}

/** Postgres 15 with checksums, fsync on, passwords by SCRAM, and no superuser over the network. */
export function postgres(args: PostgresArgs): DataService {
  const archive = args.archive ?? NO_ARCHIVE;
  const secrets = mutableSecretFiles({
    service: "postgres",
    files: { ...databaseFiles(args.logins), ...archive.secrets },
    uid: POSTGRES_UID,
    image: args.image,
    parent: args.parent,
  });
  return dataService({
    name: "postgres",
    image: args.image,
    uid: POSTGRES_UID,
    limits: args.limits,
    secrets,
    folder: POSTGRES_FOLDER,
    data: args.data,
    besides: archive,
    environment: { SECRETS_DIR: SECRETS_FOLDER, ...generationEnvironment(args.data), ...archive.environment },
    command: ["-c", `max_connections=${MAX_CONNECTIONS}`],
    health: {
      // By TCP: the server that sets the roles at start listens on the socket alone and must not count as healthy.
      // As a role that may come in: one that is refused is a line in the log each time.
      command: [
        "/usr/lib/postgresql/15/bin/pg_isready",
        ...["--quiet", "--host=127.0.0.1", "--dbname=slipway", "--username=slipway_app"],
      ],
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
