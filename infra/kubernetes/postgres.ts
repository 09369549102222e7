import { databaseFiles } from "../logins.ts";
import { generationEnvironment, POSTGRES_FOLDER, POSTGRES_UID } from "../postgres-image.ts";
import type { BySlot, DatabaseLogin } from "../secrets.ts";
import {
  CERTIFICATE_FILE,
  dataService,
  FILES_FOLDER,
  KEY_FILE,
  type Company,
  type DataService,
  type DataServiceContext,
} from "./data-service.ts";
import type { Repository } from "./repository.ts";

export interface PostgresArgs extends DataServiceContext {
  /** Passwords that it takes. A slot that is left out is refused. */
  readonly logins: BySlot<DatabaseLogin>;
  readonly maxConnections: number;
  /** Where its WAL goes. @default nowhere */
  readonly repository?: Repository | undefined;
  /** The backup agent. @default none */
  readonly company?: Company | undefined;
}

/** As in the image, but in clear nobody comes in: the cluster's network is not ours alone. */
const HOST_RULES = ["local all postgres peer", "host all postgres all reject", "hostssl all all all scram-sha-256", ""];

/** Postgres 15 of `infra/images/postgres`, by TLS alone. */
export function postgres(args: PostgresArgs): DataService {
  const { logins, maxConnections, repository, company, ...context } = args;
  return dataService({
    ...context,
    ...(company && { company }),
    environment: { ...generationEnvironment(args.data), ...repository?.environment },
    name: "postgres",
    port: 5432,
    uid: POSTGRES_UID,
    folder: POSTGRES_FOLDER,
    logins: databaseFiles(logins),
    secrets: repository?.secrets,
    files: { "pg_hba.conf": HOST_RULES.join("\n") },
    // Behind what the image's start says itself; the last word counts.
    args: [
      `max_connections=${maxConnections}`,
      "ssl=on",
      `ssl_cert_file=${CERTIFICATE_FILE}`,
      `ssl_key_file=${KEY_FILE}`,
      "ssl_min_protocol_version=TLSv1.2",
      `hba_file=${FILES_FOLDER}/pg_hba.conf`,
    ].flatMap((setting) => ["-c", setting]),
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
      startSeconds: 600,
    },
    sharedMemoryMiB: 128,
  });
}
