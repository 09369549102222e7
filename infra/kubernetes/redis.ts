import type { Output } from "@pulumi/pulumi";
import { redisFiles } from "../logins.ts";
import type { BySlot } from "../secrets.ts";
import {
  CA_FILE,
  CERTIFICATE_FILE,
  dataService,
  KEY_FILE,
  type DataService,
  type DataServiceContext,
} from "./data-service.ts";

export interface RedisArgs extends DataServiceContext {
  /** Passwords that it takes. A slot that is left out is refused. */
  readonly passwords: BySlot<Output<string>>;
  /** MiB of data that it takes before it refuses writes; it never evicts. */
  readonly maxMemoryMiB: number;
}

/** User of the image, as its Dockerfile makes it. */
const UID = 10_004;
const PORT = 6379;

/** By TLS alone. */
const ENCRYPTED: Readonly<Record<string, string>> = {
  port: "0",
  "tls-port": String(PORT),
  "tls-cert-file": CERTIFICATE_FILE,
  "tls-key-file": KEY_FILE,
  // Clients show a password, not a certificate.
  "tls-auth-clients": "no",
};

/** Redis 7 of `infra/images/redis` with an append-only file and `noeviction`, by TLS alone. */
export function redis({ passwords, maxMemoryMiB, ...context }: RedisArgs): DataService {
  return dataService({
    ...context,
    name: "redis",
    port: PORT,
    uid: UID,
    folder: "/var/lib/redis",
    logins: redisFiles(passwords),
    environment: { REDIS_MAXMEMORY_MIB: String(maxMemoryMiB) },
    // Behind what the image's start says itself; the last word counts.
    args: Object.entries(ENCRYPTED).flatMap(([key, value]) => [`--${key}`, value]),
    health: {
      command: ["/usr/local/bin/healthy", "--tls", "--cacert", CA_FILE],
      intervalSeconds: 5,
      timeoutSeconds: 4,
      retries: 5,
      startSeconds: 120,
    },
  });
}
