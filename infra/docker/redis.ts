import type { ComponentResource, Input, Output } from "@pulumi/pulumi";
import type { DataSettings } from "../../configs/stack-backup.ts";
import { SECRETS_FOLDER, type Limits } from "../contract.ts";
import { redisFiles } from "../logins.ts";
import type { BySlot } from "../secrets.ts";
import { dataService, type DataService } from "./data-service.ts";
import { mutableSecretFiles } from "./secret-files.ts";

export interface RedisArgs {
  readonly image: Input<string>;
  readonly limits: Limits;
  /** MiB of data that it takes before it refuses writes; it never evicts. */
  readonly maxMemoryMiB: number;
  readonly data: DataSettings;
  readonly network: Input<string>;
  /** Passwords that it takes. A slot that is left out is refused. */
  readonly passwords: BySlot<Output<string>>;
  readonly parent: ComponentResource;
}

/** User of the image, as its Dockerfile makes it. */
const UID = 10_004;

/** Redis 7 with an append-only file and `noeviction`. */
export function redis(args: RedisArgs): DataService {
  const secrets = mutableSecretFiles({
    service: "redis",
    files: redisFiles(args.passwords),
    uid: UID,
    image: args.image,
    parent: args.parent,
  });
  return dataService({
    name: "redis",
    image: args.image,
    uid: UID,
    limits: args.limits,
    secrets,
    folder: "/var/lib/redis",
    data: args.data,
    environment: { SECRETS_DIR: SECRETS_FOLDER, REDIS_MAXMEMORY_MIB: String(args.maxMemoryMiB) },
    health: {
      command: ["/usr/local/bin/healthy"],
      intervalSeconds: 5,
      timeoutSeconds: 4,
      retries: 5,
      startSeconds: 30,
    },
    network: args.network,
    parent: args.parent,
  });
}
