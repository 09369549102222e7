import { ComponentResource, type Output } from "@pulumi/pulumi";
import type { StackConfig } from "../../configs/stack.ts";
import type { Cache, Database, Done, ObjectStore, Platform, ProgramSpec, Release, ServiceSpec } from "../contract.ts";
import type { StackSecrets } from "../secrets.ts";
import { edge, type Edge } from "./edge.ts";
import { buildImages, type Images } from "./image.ts";
import { networks, type Networks } from "./network.ts";
import { objectVolume, type ObjectVolume } from "./objects.ts";
import { postgres } from "./postgres.ts";
import { redis } from "./redis.ts";
import { release } from "./release.ts";
import { runOnce } from "./run-once.ts";
import { fingerprintKey, secretFiles, type SecretVolume } from "./secret-files.ts";
import { service } from "./service.ts";

export interface DockerPlatformArgs {
  readonly config: StackConfig;
  readonly secrets: StackSecrets;
  /** Whether the engine has an NVIDIA runtime and the stack wants it. */
  readonly hasGpu: boolean;
}

/** One Docker engine: data services, the edge, and the product's programs beside each other. */
export class DockerPlatform extends ComponentResource implements Platform {
  readonly database: Database;
  readonly cache: Cache;
  readonly objects: ObjectStore;
  readonly hasGpu: boolean;
  readonly #config: StackConfig;
  readonly #images: Images;
  readonly #networks: Networks;
  readonly #volume: ObjectVolume;
  readonly #edge: Edge;
  readonly #fingerprintKey: Output<string>;
  readonly #needs: Readonly<Record<string, Output<string>>>;

  constructor(name: string, { config, secrets, hasGpu }: DockerPlatformArgs) {
    super("slipway:docker:Platform", name);
    this.#config = config;
    this.hasGpu = hasGpu;
    this.#images = buildImages(this);
    this.#networks = networks(this);
    this.#fingerprintKey = fingerprintKey(this);
    this.#volume = objectVolume(this);
    this.objects = { url: this.#volume.url };
    const shared = { network: this.#networks.inner, fingerprintKey: this.#fingerprintKey, parent: this };
    const database = postgres({
      ...shared,
      image: this.#images.postgres,
      limits: config.postgres,
      appPassword: secrets.databasePassword,
      ownerPassword: secrets.databaseOwnerPassword,
    });
    const cache = redis({
      ...shared,
      image: this.#images.redis,
      limits: config.redis,
      maxMemoryMiB: config.redis.maxMemoryMiB,
      password: secrets.redisPassword,
    });
    this.#needs = { postgres: database.id, redis: cache.id };
    this.database = {
      host: database.host,
      port: 5432,
      name: "slipway",
      app: { user: "slipway_app", password: secrets.databasePassword },
      owner: { user: "slipway_owner", password: secrets.databaseOwnerPassword },
    };
    this.cache = { host: cache.host, port: 6379, password: secrets.redisPassword };
    this.#edge = edge({ image: this.#images.edge, networks: this.#networks, ...config.edge, parent: this });
    this.registerOutputs({ url: this.#edge.url });
  }

  runOnce(spec: ProgramSpec): Done {
    return runOnce({
      spec,
      image: this.#images[spec.image],
      secrets: this.#secretsOf(spec),
      network: this.#networks.inner,
      needs: this.#needs,
      healthTimeoutSeconds: this.#config.healthTimeoutSeconds,
      parent: this,
    });
  }

  release(services: readonly ServiceSpec[], after: readonly Done[]): Release {
    const released = services.map((spec) => {
      const containers = service({
        spec,
        image: this.#images[spec.image],
        secrets: this.#secretsOf(spec),
        objects: this.#volume,
        network: this.#networks.inner,
        after,
        parent: this,
      });
      return [spec.name, containers] as const;
    });
    return release({
      services: Object.fromEntries(released),
      edge: this.#edge,
      after,
      healthTimeoutSeconds: this.#config.healthTimeoutSeconds,
      parent: this,
    });
  }

  #secretsOf(spec: ProgramSpec): SecretVolume {
    return secretFiles({
      service: spec.name,
      files: spec.secrets,
      uid: spec.uid,
      image: this.#images.edge,
      key: this.#fingerprintKey,
      parent: this,
    });
  }
}
