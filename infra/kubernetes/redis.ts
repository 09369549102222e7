import { interpolate, type Output } from "@pulumi/pulumi";
import { SECRETS_FOLDER } from "../contract.ts";
import {
  CA_FILE,
  CERTIFICATE_FILE,
  dataService,
  FILES_FOLDER,
  KEY_FILE,
  type DataService,
  type DataServiceContext,
} from "./data-service.ts";

export interface RedisArgs extends DataServiceContext {
  readonly password: Output<string>;
  /** MiB of data that it takes before it refuses writes; it never evicts. */
  readonly maxMemoryMiB: number;
}

/** User of the image, as its Dockerfile makes it. */
const UID = 10_004;
const PORT = 6379;
const FOLDER = "/var/lib/redis";

/** Asks by TLS, with the password from its file: no command line and no environment of a pod's spec has it. */
const PING =
  `REDISCLI_AUTH=$(cat ${SECRETS_FOLDER}/redis-password) ` +
  `redis-cli --no-auth-warning --tls --cacert ${CA_FILE} -p ${PORT} ping`;

/** Redis 7 of `infra/images/redis` with an append-only file and `noeviction`, by TLS alone. */
export function redis({ password, maxMemoryMiB, ...context }: RedisArgs): DataService {
  return dataService({
    ...context,
    name: "redis",
    port: PORT,
    uid: UID,
    folder: FOLDER,
    secrets: { "redis-password": password, "redis-auth.conf": interpolate`requirepass ${password}\n` },
    files: { "redis.conf": configuration(maxMemoryMiB) },
    // The image's own start knows no TLS.
    start: { command: ["/usr/bin/redis-server", `${FILES_FOLDER}/redis.conf`] },
    health: {
      command: ["/bin/bash", "-c", `[ "$(${PING})" = PONG ]`],
      intervalSeconds: 5,
      timeoutSeconds: 4,
      retries: 5,
      startSeconds: 120,
    },
  });
}

function configuration(maxMemoryMiB: number): string {
  return [
    "bind * -::*",
    "port 0",
    `tls-port ${PORT}`,
    `tls-cert-file ${CERTIFICATE_FILE}`,
    `tls-key-file ${KEY_FILE}`,
    // Clients show a password, not a certificate.
    "tls-auth-clients no",
    `dir ${FOLDER}`,
    "appendonly yes",
    "appendfsync everysec",
    `maxmemory ${maxMemoryMiB}mb`,
    // A queue that evicts loses jobs: a full Redis refuses writes instead.
    "maxmemory-policy noeviction",
    `include ${SECRETS_FOLDER}/redis-auth.conf`,
    "",
  ].join("\n");
}
