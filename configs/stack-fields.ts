import { z } from "zod";
import { isOrigin } from "./api-settings.ts";
import { awsSettingsSchema } from "./aws-settings.ts";
import { credentialsSchema } from "./credential-slots.ts";
import { fraction } from "./fraction.ts";
import { healthSchema } from "./health-settings.ts";
import { kubernetesSchema } from "./kubernetes-settings.ts";
import { ENVIRONMENTS } from "./runtime.ts";
import { backupSchema, dataSchema } from "./stack-backup.ts";
import { keepReleasesSchema, releaseSchema } from "./stack-release.ts";
import { POOLS, SPEECH_ENGINE_NAMES } from "./worker-settings.ts";

/**
 * Where a stack's services run. `docker`: one engine, local or over SSH. `kubernetes`: a cluster that exists. `aws`: EKS, RDS, ElastiCache and S3,
 * all of them the stack's own.
 */
export const PLATFORMS = ["docker", "kubernetes", "aws"] as const;

const limits = (memoryMiB: number, cpus: number) => ({
  /** Memory limit of one container, MiB. A process above it is killed by the kernel. */
  memoryMiB: z.number().int().min(64).max(1_048_576).default(memoryMiB),
  /** CPU limit of one container, in cores. */
  cpus: fraction(z.number().min(0.1).max(256)).default(cpus),
});

/**
 * What `Pulumi.<stack>.yaml` may say below `slipway:`. Every key but `platform` and `environment` has a default, and a
 * key that is not here is refused. Objects are written as YAML objects:
 *
 *     config:
 *       slipway:platform: docker
 *       slipway:environment: dev
 *       slipway:api: { replicas: 3 }
 */
export const stackFields = z.strictObject({
  platform: z.enum(PLATFORMS),
  environment: z.enum(ENVIRONMENTS),
  /**
   * Takes the protection from keys, data and logs of a prod stack, so that a `destroy` can follow: one `up` with it, then the `destroy`. Back to
   * false when it should not. Without effect where nothing is protected: in other environments, and on a Docker engine.
   */
  teardown: z.boolean().default(false),
  /**
   * Logical names of protected resources, such as `database`, that an `up` may replace, or delete at the next one: a preview that would stops
   * otherwise. Take a name out again once it is done.
   */
  allowReplace: z
    .array(z.string().regex(/^[\w.-]+$/, { error: "must be a logical name, such as database" }))
    .max(20)
    .default([]),
  /**
   * What a month may cost, US dollars, by the table of prices and with what always runs: `slipway preview` ends with 4 beyond it. AWS' own budget,
   * which counts what was really spent, is `aws.data.budget`.
   */
  budget: z.strictObject({ monthlyUsd: fraction(z.number().positive().max(10_000_000)) }).optional(),
  /** The only published port. In dev it listens on loopback; `address: 0.0.0.0` publishes it. */
  edge: z
    .strictObject({
      address: z.ipv4().default("127.0.0.1"),
      port: z.number().int().min(1).max(65_535).default(8080),
    })
    .prefault({}),
  api: z
    .strictObject({
      replicas: z.number().int().min(1).max(32).default(2),
      /** Requests a second that each tenant may make in the long run; 0 is without limit. */
      rateLimitPerSecond: z.number().int().min(0).max(1_000_000).default(1000),
      /** Requests that a tenant may make at once, beyond those per second. */
      rateLimitBurst: z.number().int().min(1).max(1_000_000).default(2000),
      /** Pending jobs of one queue from which on new ones are refused. */
      queueMaxPending: z.number().int().min(1).max(1_000_000_000).default(2_000_000),
      /** Origins whose pages may call the API from a browser, such as https://app.example.org. */
      corsOrigins: z
        .array(z.string().refine(isOrigin, { error: "must be an origin such as https://app.example.org" }))
        .default([]),
      ...limits(384, 1),
    })
    .prefault({}),
  worker: z
    .strictObject({
      replicas: z.number().int().min(1).max(32).default(1),
      /** Jobs that one worker works on at the same time. */
      concurrency: z.number().int().min(1).max(256).default(4),
      /** Where handlers run: in processes or in threads of their own. */
      pool: z.enum(POOLS).default("process"),
      ...limits(512, 1),
    })
    .prefault({}),
  /**
   * `auto` asks the Docker engine for an NVIDIA runtime, is `off` on Kubernetes and, on AWS, `on` where there is a pool
   * with GPUs; `on` requires a GPU; `off` never asks.
   */
  gpu: z
    .strictObject({
      mode: z.enum(["auto", "on", "off"]).default("auto"),
      concurrency: z.number().int().min(1).max(64).default(1),
      ...limits(4096, 2),
    })
    .prefault({}),
  /**
   * What speaks. `kokoro` takes its model from a folder of the Docker engine's host, on Kubernetes from `kubernetes.modelClaim`;
   * docs/worker.md says what is in it.
   */
  speech: z
    .strictObject({
      engine: z.enum(SPEECH_ENGINE_NAMES).default("espeak-ng"),
      modelFolder: z
        .string()
        .regex(/^\/[^,:]+$/, { error: "must be an absolute path without a comma or colon" })
        .optional(),
    })
    .prefault({}),
  postgres: z.strictObject(limits(768, 1)).prefault({}),
  redis: z
    .strictObject({ ...limits(320, 1), maxMemoryMiB: z.number().int().min(16).max(1_048_576).default(192) })
    .refine((redis) => redis.maxMemoryMiB < redis.memoryMiB, {
      path: ["maxMemoryMiB"],
      error: "must be below memoryMiB: Redis needs room to fork for its append-only file",
    })
    .prefault({}),
  /** Seconds between SIGTERM and SIGKILL: in-flight requests and jobs finish or are handed back in it. */
  drainSeconds: z.number().int().min(5).max(3600).default(25),
  /** Seconds that new containers may take to become healthy before the release is given up and the old one stays. */
  healthTimeoutSeconds: z.number().int().min(5).max(3600).default(90),
  /** Images of an earlier release in place of this checkout's; `slipway rollback` writes it, `slipway deploy` takes it out. */
  release: releaseSchema.optional(),
  /** Releases before the one that serves whose images a Docker engine keeps, so that `slipway rollback` finds them. In a registry its own rules say. */
  keepReleases: keepReleasesSchema,
  /** The slots of credentials that are rotated; `slipway rotate` writes them. */
  credentials: credentialsSchema.optional(),
  /** Backups of a Postgres that is the stack's own, on a Docker engine or in a cluster: they are made unless it says otherwise. */
  backup: backupSchema.optional(),
  /** The generation of data that serves, of such a Postgres. */
  data: dataSchema.optional(),
  /** Thresholds of `slipway health`, and who hears of it. */
  health: healthSchema.optional(),
  /** The cluster and what stands in it; needed where the platform is kubernetes, refused where it is docker. */
  kubernetes: kubernetesSchema.optional(),
  /** Network, cluster and data services; needed where the platform is aws, refused elsewhere. */
  aws: awsSettingsSchema.optional(),
});

export type StackFields = z.infer<typeof stackFields>;
