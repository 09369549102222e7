import { z } from "zod";
import { GPU_SHAPE_NAMES } from "../infra/plan/gpu-shapes.ts";

/**
 * Who changes the number of pods. `keda`: KEDA for workers, an HPA for the API. `hpa`: both by CPU. `none`: the stack's file alone. `auto`: `keda`
 * where KEDA is, or `keda.install` brings it, else `hpa`; a cluster that exists is asked for it once, in each preview and each update.
 *
 * Going from `none` to an autoscaler, a service stands at one pod until the autoscaler has looked: some seconds.
 */
export const AUTOSCALERS = ["auto", "keda", "hpa", "none"] as const;

const name = z
  .string()
  .regex(/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/, { error: "must be 1 to 63 lower-case letters, digits or -" });

const hostName = z.string().regex(/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/, { error: "must be a host name" });

const image = z
  .string()
  .regex(/^[\w][\w./:@-]+$/, { error: "must be an image, such as registry.example.org/api@sha256:..." });

const DIGEST = /@sha256:[0-9a-f]{64}$/;

/** Least and most pods of a service whose number an autoscaler decides. */
const range = (min: number, lowest: number, max: number) =>
  z
    .strictObject({
      minReplicas: z.number().int().min(lowest).max(256).default(min),
      maxReplicas: z.number().int().min(1).max(256).default(max),
    })
    .refine((pods) => pods.minReplicas <= pods.maxReplicas, {
      path: ["maxReplicas"],
      error: "must not be below minReplicas",
    })
    .prefault({});

const pem = z.string().regex(/^-----BEGIN CERTIFICATE-----/, { error: "must be a certificate in PEM" });

/** Blocks of addresses for private use. */
export const PRIVATE_NETWORKS = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"] as const;

/** A data service that exists already. It is always reached by TLS, and its certificate is checked. */
const external = (port: number) => ({
  host: hostName,
  port: z.number().int().min(1).max(65_535).default(port),
  /** Authority that signed its certificate, PEM. @default those that Node brings along */
  ca: pem.optional(),
  /** Networks that it may answer from: pods may reach no other. @default every private one */
  cidrs: z
    .array(z.cidrv4())
    .min(1)
    .default([...PRIVATE_NETWORKS]),
});

/** How one GPU is shared. A worker asks for one `nvidia.com/gpu` whatever the choice: a GPU, a turn or a slice. */
const sharing = z.discriminatedUnion("mode", [
  /** One worker has one GPU. */
  z.strictObject({ mode: z.literal("none") }),
  /** Workers take turns. Their memory is not kept apart: one can take all of it. Autoscalers of nodes may count such GPUs wrong. */
  z.strictObject({ mode: z.literal("time-slicing"), replicas: z.number().int().min(2).max(48) }),
  /** Slices with memory of their own: A100, H100 and their like alone. All GPUs of a node have to be divided alike already. */
  z.strictObject({ mode: z.literal("mig") }),
]);

const gpu = z
  .strictObject({
    /** Left out on AWS, where `aws.pools.gpu` says it of each pool. @default each GPU is one worker's */
    sharing: sharing.optional(),
    /** Labels of the nodes that have GPUs. Left out on AWS. @default those that NVIDIA's own discovery gives them */
    nodeSelector: z.record(z.string(), z.string()).optional(),
    /** Which of `aws.pools.gpu` the GPU workers run on; left out elsewhere. @default the only one there is */
    shape: z.enum(GPU_SHAPE_NAMES, { error: `must be one of ${GPU_SHAPE_NAMES.join(", ")}` }).optional(),
    /** RuntimeClass of NVIDIA's runtime. @default the nodes have it as their only one */
    runtimeClass: name.optional(),
    /**
     * Seconds that a node with GPUs may take from nothing until it has the worker's image: a rollout of GPU workers waits so much longer than
     * `healthTimeoutSeconds`, and on AWS the autoscaler as long for a node that it asked for. @default 900 on AWS, which is that
     * autoscaler's own default; 0 elsewhere
     */
    nodeStartSeconds: z.number().int().min(0).max(3600).optional(),
    /** Whether NVIDIA's device plugin and exporter are brought along; not where an operator of the cluster does it. */
    daemons: z.boolean().default(true),
  })
  .prefault({});

const ingress = z.strictObject({
  /** Name that the public reaches the API by. */
  host: hostName,
  /** Ingress controller. @default the cluster's own default class */
  className: name.optional(),
  /** Secret of type kubernetes.io/tls in the stack's namespace, put there by cert-manager or by hand. */
  tlsSecret: name.default("api-tls"),
  /** cert-manager's ClusterIssuer that fills `tlsSecret`. @default none: the Secret is there already */
  clusterIssuer: name.optional(),
  /** Namespace of the controller's pods: they alone may reach the API from outside. */
  namespace: name.default("ingress-nginx"),
  annotations: z.record(z.string(), z.string()).default({}),
});

/** Keys that say more of the object store that `url` names. */
const OF_REMOTE_OBJECTS = ["region", "endpoint", "cidrs", "serviceAccountAnnotations"] as const;

/**
 * Where artifacts lie. Without `url` it is a folder on one disk (ReadWriteOnce) that API and workers share. Such a disk is at one node at a
 * time: all of these pods have to run on one node, and a pod that lands elsewhere waits. Clusters of several nodes need an object store.
 */
const objects = z
  .strictObject({
    storageGiB: z.number().int().min(1).max(65_536).default(10),
    /**
     * Bucket that exists already, with a folder in it or without: `s3://bucket/folder`. The secrets `objectsAccessKeyId` and
     * `objectsSecretAccessKey` open it, or who `serviceAccountAnnotations` make the pods. @default a disk of the cluster
     */
    url: z
      .string()
      .regex(/^s3:\/\/[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](\/[a-z0-9][a-z0-9.-]*)*$/, {
        error: "must be s3://bucket or s3://bucket/folder",
      })
      .optional(),
    /** Region of the bucket; stores other than S3 tell what they call theirs. Needed where `url` is set. */
    region: z
      .string()
      .regex(/^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/, { error: "must be a region, such as eu-central-1" })
      .optional(),
    /** Where a store other than S3 itself answers; its certificate has to be by a public authority. @default S3 of the region */
    endpoint: z
      .string()
      .regex(/^https?:\/\/[a-z0-9]([-a-z0-9.]*[a-z0-9])?(:[1-9]\d{0,4})?$/, {
        error: "must be scheme, host and port alone, such as https://minio.example.org:9000",
      })
      .optional(),
    /**
     * Networks that the store may answer from, and who gives pods their role: they may reach no other.
     * @default every one where it is S3 itself, which has no addresses to name; every private one where `endpoint` is set
     */
    cidrs: z.array(z.cidrv4()).min(1).optional(),
    /** Of the accounts of API and workers, such as `eks.amazonaws.com/role-arn`. @default none: the secrets open the bucket */
    serviceAccountAnnotations: z.record(z.string(), z.string()).optional(),
  })
  .superRefine((value, context) => {
    const fault = (key: string, message: string) => {
      context.addIssue({ code: "custom", path: [key], message });
    };
    if (value.url !== undefined && value.region === undefined)
      fault("region", "must name the bucket's where url is set");
    for (const key of OF_REMOTE_OBJECTS)
      if (value.url === undefined && value[key] !== undefined) fault(key, "must be left out where there is no url");
  })
  .prefault({});

const images = z.strictObject({
  api: image.optional(),
  worker: image.optional(),
  /** Not needed where `postgres.external` is set. */
  postgres: image.optional(),
  /** Not needed where `redis.external` is set. */
  redis: image.optional(),
  /** The backup agent's. Not needed where `postgres.external` is set or `backup.enabled` is false. */
  backup: image.optional(),
  /** NVIDIA's; needed where gpu.mode is on and `gpu.daemons` is not false. */
  devicePlugin: image.optional(),
  dcgmExporter: image.optional(),
  /** The cluster autoscaler's, of the cluster's own minor version; needed on AWS where a pool may grow. */
  autoscaler: image.optional(),
  /** KEDA's, of version 2.21; needed where the stack brings it: `keda.install`. */
  kedaOperator: image.optional(),
  kedaMetricsServer: image.optional(),
});

const settings = z.strictObject({
  /**
   * Path of the kubeconfig, from the folder of the stack's file; its content can stand in the stack's secret `kubeconfig` instead.
   * @default KUBECONFIG, then the user's own
   */
  kubeconfig: z.string().min(1).optional(),
  /** @default the kubeconfig's current context */
  context: z.string().min(1).optional(),
  /** Made by the stack, and deleted with it. @default project and stack: slipway-cluster */
  namespace: name.optional(),
  /** @default where `importedImages` is true, those that `make up` brings: slipway/<name>:<hash of its content> */
  images: images.prefault({}),
  /** Images were brought to every node by hand: nothing is pulled, and tags will do. */
  importedImages: z.boolean().default(false),
  /** Part of its CPU limit that a container has reserved, percent. Memory is always reserved in full. */
  cpuRequestPercent: z.number().int().min(1).max(100).default(50),
  autoscaler: z.enum(AUTOSCALERS).default("auto"),
  api: range(2, 1, 4),
  /** CPU workers; with `hpa` there is never fewer than one. */
  workers: range(0, 0, 4),
  /** GPU workers where `keda` scales; else there is always one. */
  gpuWorkers: range(0, 0, 1),
  /** CPU use, percent of the limit, that an HPA aims at. */
  cpuTargetPercent: z.number().int().min(10).max(95).default(70),
  keda: z
    .strictObject({
      /**
       * Whether the stack brings KEDA: for itself alone, but with kinds and a part of the API that a cluster has once. Of several stacks of a
       * cluster one may, and none where somebody else did. @default true on AWS, false in a cluster that exists
       */
      install: z.boolean().optional(),
      /** Namespace of its pods: they may reach Postgres. */
      namespace: name.default("keda"),
      pollingSeconds: z.number().int().min(1).max(3600).default(10),
      /** Seconds without work until the last worker goes. */
      cooldownSeconds: z.number().int().min(0).max(86_400).default(300),
      /**
       * How KEDA checks Postgres' certificate. `verify-full` takes authorities of its operator's own file system alone: a KEDA that the
       * stack brings is given Postgres' own; any other needs a Postgres with a public one, or to be given ours.
       * @default verify-full where the stack brings KEDA, else require
       */
      sslMode: z.enum(["require", "verify-ca", "verify-full"]).optional(),
      /** Host by which KEDA reaches Postgres. @default the service's full name in the cluster, or the external host */
      databaseHost: hostName.optional(),
    })
    .prefault({}),
  /** Pods of workers that run a job are marked, so that the cluster takes idle ones away first. Kubernetes 1.30 or newer. */
  busyWorkers: z
    .strictObject({
      marked: z.boolean().default(true),
      /** Networks that the cluster's own API answers from: who marks reaches no other. @default every private one */
      apiCidrs: z
        .array(z.cidrv4())
        .min(1)
        .default([...PRIVATE_NETWORKS]),
      /** Ports that the API's servers themselves listen on, which need not be that of the service `kubernetes`. */
      apiPorts: z.array(z.number().int().min(1).max(65_535)).min(1).default([443, 6443]),
    })
    .prefault({}),
  ingress: ingress.optional(),
  /** Who reads metrics: pods of that namespace may reach `/metrics` of API and workers, and NVIDIA's exporter. @default nobody */
  metrics: z.strictObject({ /** Of Prometheus' pods. */ namespace: name }).optional(),
  gpu,
  /** @default the cluster's default class */
  storageClass: name.optional(),
  postgres: z
    .strictObject({
      storageGiB: z.number().int().min(1).max(65_536).default(20),
      maxConnections: z.number().int().min(20).max(10_000).default(200),
      external: z.strictObject({ ...external(5432), database: z.string().min(1).default("slipway") }).optional(),
    })
    .prefault({}),
  redis: z
    .strictObject({
      storageGiB: z.number().int().min(1).max(65_536).default(5),
      external: z.strictObject(external(6379)).optional(),
    })
    .prefault({}),
  /** The disk of the repository that backups are in, those of artifacts included: some four times what is backed up. */
  backups: z
    .strictObject({ storageGiB: z.number().int().min(1).max(65_536).default(80), storageClass: name.optional() })
    .prefault({}),
  objects,
  /** Claim in the stack's namespace whose disk holds the speech model; it is mounted read-only. Needed where engine is kokoro. */
  modelClaim: name.optional(),
});

/** What is wrong with an image, if anything. No content has a digest of zeros: examples are written with it. */
function imageFault(reference: string, isImported: boolean): string | undefined {
  if (/@sha256:0{64}$/.test(reference)) return "stands for an image of your own: put in where that is, and its digest";
  if (isImported || DIGEST.test(reference)) return undefined;
  return "must end in its digest (@sha256: and 64 hex digits), or importedImages must be true";
}

/** What `kubernetes` of a stack's file may say; needed where the platform is `kubernetes`. */
export const kubernetesSchema = settings.superRefine((value, context) => {
  for (const [key, reference] of Object.entries(value.images)) {
    const message = reference === undefined ? undefined : imageFault(reference, value.importedImages);
    if (message !== undefined) context.addIssue({ code: "custom", path: ["images", key], message });
  }
});

export type KubernetesSettings = z.infer<typeof kubernetesSchema>;

/** How one GPU is shared. */
export type GpuSharing = z.infer<typeof sharing>;
