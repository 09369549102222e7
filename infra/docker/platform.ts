import { ComponentResource, type Output } from "@pulumi/pulumi";
import { backupSettings } from "../../configs/stack-backup.ts";
import type { StackConfig } from "../../configs/stack.ts";
import type { Cache, Database, Done, ObjectStore, Platform, ProgramSpec, Release, ServiceSpec } from "../contract.ts";
import type { BackupSecrets, StackSecrets } from "../secrets.ts";
import { dataServices } from "./data.ts";
import { edge, type Edge } from "./edge.ts";
import { buildImages, type Images } from "./image.ts";
import { networks, type Networks } from "./network.ts";
import { objectVolume, type ObjectVolume } from "./objects.ts";
import { release } from "./release.ts";
import { runOnce } from "./run-once.ts";
import { fingerprintKey, secretFiles, type SecretVolume } from "./secret-files.ts";
import { service } from "./service.ts";

export interface DockerPlatformArgs {
  readonly config: StackConfig;
  readonly secrets: StackSecrets;
  readonly backupSecrets: BackupSecrets;
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

  constructor(name: string, { config, secrets, backupSecrets, hasGpu }: DockerPlatformArgs) {
    super("slipway:docker:Platform", name);
    this.#config = config;
    this.hasGpu = hasGpu;
    const hasBackups = backupSettings(config.backup).enabled;
    this.#images = buildImages({ hasBackups, release: config.release, parent: this });
    this.#networks = networks(this);
    this.#fingerprintKey = fingerprintKey(this);
    this.#volume = objectVolume(this);
    this.objects = { url: this.#volume.url };
    const { database, cache, needs } = dataServices({
      config,
      secrets,
      backupSecrets,
      images: this.#images,
      objects: this.#volume,
      network: this.#networks.inner,
      fingerprintKey: this.#fingerprintKey,
      parent: this,
    });
    this.database = database;
    this.cache = cache;
    this.#needs = needs;
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
