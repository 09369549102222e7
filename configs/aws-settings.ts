import { z } from "zod";
import { GPU_SHAPE_NAMES } from "../infra/plan/gpu-shapes.ts";
import { MINIMUM_ZONES, NAT_GATEWAYS, ZONE_SLOTS } from "../infra/plan/networks.ts";
import { SIZE_NAMES } from "../infra/plan/sizes.ts";
import { addonVersions, CLUSTER_VERSIONS, clusterSchema, logDays } from "./aws-cluster-settings.ts";
import { awsDataFaults, awsDataSchema } from "./aws-data-settings.ts";
import { fraction } from "./fraction.ts";
import type { AppEnvironment } from "./runtime.ts";

/**
 * What `slipway:aws` of a stack's file may say. Numbers that a plan checks (infra/plan) are only of the right kind here: the plan knows what they
 * may be, and says so with the key.
 */

/** Services of AWS that nodes and pods reach by an address in the network, beside S3. */
export const ENDPOINT_SERVICES = {
  /** Names and layers of images; the layers themselves lie in S3. */
  "ecr.api": "pulling images",
  "ecr.dkr": "pulling images",
  /** Roles of nodes. */
  sts: "credentials",
  /** Roles of pods: the Pod Identity agent asks it. */
  "eks-auth": "credentials",
  /** Addresses of pods and disks of nodes: the network's plugin and the disks' driver ask it. */
  ec2: "addresses and disks",
  secretsmanager: "the master user's password",
  logs: "logs",
} as const satisfies Record<string, string>;

export type EndpointService = keyof typeof ENDPOINT_SERVICES;
const ENDPOINT_NAMES = Object.keys(ENDPOINT_SERVICES) as [EndpointService, ...EndpointService[]];

const number = fraction(z.number());
const whole = z.number().int();

const network = z.strictObject({
  /** Block of the VPC, /16../20 of the blocks for private use. It never changes. */
  cidr: z.string(),
  /** Zones of the region, in order. A new one goes behind the others; the order never changes. */
  zones: z.array(z.string()),
  /** Fewest zones that `zones` may have. */
  minimumZones: whole.min(2).max(ZONE_SLOTS).default(MINIMUM_ZONES),
  /** Blocks that the network must keep clear of: those of peers and offices. */
  reserved: z.array(z.strictObject({ name: z.string().min(1), cidr: z.string() })).default([]),
  /**
   * Services that are reached without NAT. Each costs by the hour and zone; `[]` sends all of them through NAT.
   *
   * @default all of {@link ENDPOINT_SERVICES}
   */
  endpoints: z
    .array(z.enum(ENDPOINT_NAMES, { error: `must be one of ${ENDPOINT_NAMES.join(", ")}` }))
    .refine((names) => new Set(names).size === names.length, { error: "must name each service once" })
    .default([...ENDPOINT_NAMES]),
  /** Days that the log of the network's connections is kept. */
  flowLogDays: logDays(90),
});

/** Numbers of a service that are taken instead of the size's. */
const service = { replicas: whole, maxReplicas: whole, cpus: number, memoryMiB: whole };

/** What is taken instead of the size's numbers; infra/plan/sizes.ts says what each may be. */
const overrides = z
  .strictObject({
    database: z
      .strictObject({
        instanceClass: z.string().regex(/^db\.[\w-]+\.\w+$/, { error: "must be a class of RDS, such as db.m7g.large" }),
        vcpus: whole,
        baseline: number,
        memoryGiB: number,
        storageGiB: whole,
        maxConnections: whole,
      })
      .partial()
      .optional(),
    cache: z
      .strictObject({
        nodeType: z
          .string()
          .regex(/^cache\.[\w-]+\.\w+$/, { error: "must be a type of ElastiCache, such as cache.m7g.large" }),
        memoryGiB: number,
      })
      .partial()
      .optional(),
    api: z.strictObject(service).partial().optional(),
    worker: z
      .strictObject({ ...service, concurrency: whole })
      .partial()
      .optional(),
    gpu: z.strictObject({ maxReplicas: whole }).partial().optional(),
    natGateways: z.enum(NAT_GATEWAYS).optional(),
  })
  .prefault({});

/** What is taken instead of the size's numbers of a pool; infra/plan/node-pool-faults.ts says what each may be. */
const pool = {
  /** Of one size, as m7i.large and m7a.large; for amd64. */
  instanceTypes: z.array(z.string().regex(/^[a-z][\w-]*\.[\w-]+$/, { error: "must be a type such as m7i.large" })),
  /** Fewest nodes. */
  min: whole,
  /** Most nodes. */
  max: whole,
  /** Encrypted disk of each node. */
  diskGiB: whole,
};

const sharing = z.discriminatedUnion("mode", [
  z.strictObject({ mode: z.literal("none") }),
  /** Pods of one GPU, 2..48; their memory is not divided. */
  z.strictObject({ mode: z.literal("time-slicing"), replicas: whole }),
  /** Slices in hardware, such as 1g.10gb; every GPU of the pool alike. */
  z.strictObject({ mode: z.literal("mig"), profile: z.string() }),
]);

const gpuPool = z.strictObject({
  /** A name of infra/plan/gpu-shapes.ts. */
  shape: z.enum(GPU_SHAPE_NAMES, { error: `must be one of ${GPU_SHAPE_NAMES.join(", ")}` }),
  capacity: z.enum(["on-demand", "spot"]).default("on-demand"),
  /** Fewest nodes; with 0 a first job waits for a node, some minutes. */
  min: whole.default(0),
  max: whole,
  /** 60..16384 */
  diskGiB: whole.default(120),
  sharing: sharing.default({ mode: "none" }),
});

const pools = z
  .strictObject({
    /** `dedicated`: nothing but add-ons runs there. */
    system: z
      .strictObject(pool)
      .partial()
      .extend({ dedicated: z.boolean().default(true) })
      .prefault({}),
    cpu: z.strictObject(pool).partial().prefault({}),
    /** `enabled`: whether the stack takes spot instances for what two minutes suffice for. */
    cpuSpot: z
      .strictObject(pool)
      .partial()
      .extend({ enabled: z.boolean().default(true) })
      .prefault({}),
    /** One for each shape and capacity. */
    gpu: z.array(gpuPool).max(14).default([]),
  })
  .prefault({});

const tag = z
  .string()
  .regex(/^[\p{L}\p{Z}\p{N}_.:/=+\-@]+$/u, { error: "must be letters, digits, spaces or _.:/=+-@" });

const tagKey = tag
  .max(128)
  .refine((key) => !/^(aws|slipway):/i.test(key) && key !== "Name", { error: "must not be Name, aws:* or slipway:*" });

const fields = z.strictObject({
  /** Region of everything. It never changes. */
  region: z
    .string()
    .regex(/^[a-z]{2}(-[a-z]+)+-\d+$/, { error: "must be a region, such as eu-central-1", abort: true })
    .refine((region) => !/^(cn-|us-gov-|us-iso|eu-isoe-|eusc-)/.test(region), {
      error: "must be a region of AWS's public part: ARNs of others are written otherwise",
      abort: true,
    }),
  /** The one account that the stack may be made in; credentials of another are refused before anything is made. */
  account: z.string().regex(/^\d{12}$/, { error: 'must be the 12 digits of an account, in quotes: "012345678901"' }),
  network,
  /** How much of everything there is; infra/plan/sizes.ts has the table. */
  size: z.enum(SIZE_NAMES, { error: `must be one of ${SIZE_NAMES.join(", ")}` }).default("small"),
  overrides,
  cluster: clusterSchema,
  pools,
  data: awsDataSchema.prefault({}),
  /** Tags of every resource beside the stack's own: a cost centre, an owner. */
  tags: z
    .record(tagKey, tag.max(256))
    .refine((tags) => Object.keys(tags).length <= 20, { error: "must be at most 20 tags" })
    .default({}),
});

/** The same, with what keys say against each other. */
export const awsSettingsSchema = fields.superRefine((value, context) => {
  for (const [path, message] of crossFaults(value))
    context.addIssue({ code: "custom", path: path.split("."), message });
});

export type AwsSettings = z.infer<typeof fields>;
export type NetworkSettings = AwsSettings["network"];
export type PoolSettings = AwsSettings["pools"];

/**
 * What the keys say against each other and against the rest of the file.
 *
 * @param environment of the stack's file
 * @returns paths below `aws` with what is wrong there
 */
export function awsFaults(settings: AwsSettings, environment: AppEnvironment): [path: string, message: string][] {
  const { region, account, data } = settings;
  return awsDataFaults(data, { environment, region, account }).map(([path, message]) => [`data.${path}`, message]);
}

function crossFaults({ region, network: { zones }, cluster }: AwsSettings): [path: string, message: string][] {
  const faults: [string, string][] = [];
  const elsewhere = zones.filter((zone) => !(zone.startsWith(region) && /^[a-z]$/.test(zone.slice(region.length))));
  if (elsewhere.length > 0)
    faults.push(["network.zones", `must be zones of ${region}, such as ${region}a; not ${elsewhere.join(", ")}`]);
  const { missing } = addonVersions(cluster);
  if (missing.length > 0)
    faults.push([
      "cluster.addons",
      `must have versions of ${missing.join(", ")} that go with Kubernetes ${cluster.version}; ` +
        `without them cluster.version may be ${Object.keys(CLUSTER_VERSIONS).join(", ")}`,
    ]);
  return faults;
}
