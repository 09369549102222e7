import type { Input, Output } from "@pulumi/pulumi";
import type { StackConfig } from "../configs/stack.ts";
import {
  CLUSTER_FOLDER,
  MODEL_FOLDER,
  SECRETS_FOLDER,
  type Cache,
  type Database,
  type DrilledDatabase,
  type ObjectStore,
  type Probe,
  type ProgramSpec,
  type ServiceSpec,
} from "./contract.ts";
import { apiLimits, authority, cacheEnvironment, databaseEnvironment } from "./service-environment.ts";
import { MIGRATE_CONNECTIONS, type ConnectionUser } from "./plan/connection-budget.ts";
import { WORKER_QUEUES } from "./worker-queues.ts";

/** Users of the images; they own nothing but what they are given. Any id above Debian's own range would do. */
export const UIDS = { api: 10_001, worker: 10_002 } as const;

/** The program that tries restores, where they are a program's: its name, and that of what starts it at set times. */
export const DRILL = "drill";

/** The service that marks pods of busy workers: the only one that speaks to the cluster it runs in. */
export const MARKER = "marker";

const NODE = "/usr/local/bin/node";
const PORT = 8000;

/**
 * Many jobs share a statement, whatever the concurrency: two connections claim, two commit, one each is for relay, heartbeat and
 * what aggregates read, and one more while Redis is filled again.
 */
const WORKER_CONNECTIONS = 8;

/** The look under way: two answers, each given up after some seconds. */
const MARKER_DRAIN_SECONDS = 10;

/** To the database that serves: one holds the place, another asks and notes. They are of those that are kept free. */
const DRILL_CONNECTIONS = 2;

/** New jobs share a statement too; the others read. */
const API_CONNECTIONS = 8;

/**
 * How many processes a service is, how many connections each holds, and the keys of the stack's file that say so. Plain
 * numbers: they are known before anything exists.
 */
const SIZES = {
  api: ({ api }) => ({ replicas: api.replicas, connections: API_CONNECTIONS, keys: ["api.replicas"] }),
  "worker-cpu": ({ worker }) => ({
    replicas: worker.replicas,
    connections: WORKER_CONNECTIONS,
    keys: ["worker.replicas"],
  }),
  "worker-gpu": () => ({ replicas: 1, connections: WORKER_CONNECTIONS, keys: ["gpu.mode"] }),
  marker: () => ({ replicas: 1, connections: 1, keys: ["kubernetes.busyWorkers.marked"] }),
} as const satisfies Record<string, (config: StackConfig) => Omit<ConnectionUser, "name">>;

type ServiceName = keyof typeof SIZES;

/** Which running service holds how many connections to Postgres. */
export function connectionUsers(config: StackConfig, hasGpu: boolean): ConnectionUser[] {
  return serviceNames(config, hasGpu).map((name) => ({ name, ...SIZES[name](config) }));
}

/** Which services run. A marker needs a cluster, whose settings a stack on Docker does not have. */
function serviceNames({ kubernetes }: StackConfig, hasGpu: boolean): ServiceName[] {
  const isMarked = kubernetes?.busyWorkers.marked === true;
  return ["api", "worker-cpu", ...(hasGpu ? (["worker-gpu"] as const) : []), ...(isMarked ? ([MARKER] as const) : [])];
}

/** What the services stand on. */
export interface Foundation {
  readonly config: StackConfig;
  readonly database: Database;
  readonly cache: Cache;
  readonly objects: ObjectStore;
  /** Key rings that credentials are checked with. */
  readonly keys: { readonly jwt: Output<string>; readonly hmac: Output<string> };
  /** What opens `ENC(...)` values, by the name of its file. @default none is opened */
  readonly aes?: Readonly<Record<string, Output<string>>>;
  readonly hasGpu: boolean;
}

/** Every program of the product, each described once. */
export interface Services {
  /** Makes the roles of the database; present where nobody else does. It goes before `migrate`. */
  readonly prepare?: ProgramSpec;
  readonly migrate: ProgramSpec;
  /** Tries a restore of the database; present where AWS restores it. */
  readonly drill?: ProgramSpec;
  readonly running: readonly ServiceSpec[];
}

/** Describes the product's programs for one environment. Pure: no resource is made here. */
export function describeServices(foundation: Foundation): Services {
  const { masterSecret, drilled } = foundation.database;
  return {
    ...(masterSecret === undefined ? {} : { prepare: prepare(foundation, masterSecret) }),
    migrate: migrate(foundation),
    ...(drilled === undefined ? {} : { drill: drill(foundation, drilled) }),
    running: serviceNames(foundation.config, foundation.hasGpu).map((name) => SERVICES[name](foundation)),
  };
}

/** Every running service, a row each. */
const SERVICES: Readonly<Record<ServiceName, (foundation: Foundation) => ServiceSpec>> = {
  api,
  "worker-cpu": workerCpu,
  "worker-gpu": workerGpu,
  marker,
};

/** The roles of the product, made by the database's master user, whose password no stack knows. */
function prepare(f: Foundation, masterSecret: Input<string>): ProgramSpec {
  const spec = migrate(f);
  return {
    ...spec,
    name: "prepare",
    command: [NODE, "/app/prepare.mjs"],
    environment: { ...spec.environment, DATABASE_MASTER_SECRET: masterSecret },
    // It comes as the master, whose password it asks for.
    secrets: { ...f.database.roleFiles, ...f.aes, ...authority("database", f.database.tls) },
  };
}

/** The schema's migrations, run before any new container serves, under the role that owns the schema. */
function migrate(f: Foundation): ProgramSpec {
  return {
    name: "migrate",
    image: "api",
    command: [NODE, "/app/migrate.mjs"],
    environment: { ...common(f), ...databaseEnvironment(f.database, f.database.owner, MIGRATE_CONNECTIONS) },
    secrets: { "database-password": f.database.owner.password, ...authority("database", f.database.tls), ...f.aes },
    uid: UIDS.api,
    limits: { memoryMiB: 256, cpus: 1 },
    connections: MIGRATE_CONNECTIONS,
    objects: "none",
  };
}

/** Under the role of the services: it reads what they read, and notes its times. */
function drill(f: Foundation, { source, temporary, tags }: DrilledDatabase): ProgramSpec {
  return {
    ...migrate(f),
    name: DRILL,
    command: [NODE, "/app/drill.mjs", "drill"],
    environment: {
      ...{ ...common(f), ...databaseEnvironment(f.database, f.database.app, DRILL_CONNECTIONS) },
      ...{ DRILL_SOURCE: source, DRILL_INSTANCE: temporary, DRILL_TAGS: JSON.stringify(tags) },
    },
    secrets: { "database-password": f.database.app.password, ...authority("database", f.database.tls), ...f.aes },
    connections: DRILL_CONNECTIONS,
  };
}

function api(f: Foundation): ServiceSpec {
  const { replicas, connections } = SIZES.api(f.config);
  return {
    name: "api",
    image: "api",
    command: [NODE, "/app/api.mjs"],
    environment: { ...serving(f, connections), ...apiLimits(f.config.api) },
    secrets: { ...servingSecrets(f), "jwt-keys": f.keys.jwt, "hmac-keys": f.keys.hmac },
    uid: UIDS.api,
    limits: { memoryMiB: f.config.api.memoryMiB, cpus: f.config.api.cpus },
    connections,
    objects: "read",
    replicas,
    port: PORT,
    health: probe(),
    drainSeconds: f.config.drainSeconds,
    gpu: false,
  };
}

function workerCpu(f: Foundation): ServiceSpec {
  const { concurrency, memoryMiB, cpus } = f.config.worker;
  return worker(f, {
    name: "worker-cpu",
    concurrency,
    gpu: false,
    limits: { memoryMiB, cpus },
  });
}

function workerGpu(f: Foundation): ServiceSpec {
  const { concurrency, memoryMiB, cpus } = f.config.gpu;
  return worker(f, {
    name: "worker-gpu",
    concurrency,
    gpu: true,
    limits: { memoryMiB, cpus },
  });
}

interface WorkerShape extends Pick<ServiceSpec, "gpu" | "limits"> {
  readonly name: keyof typeof WORKER_QUEUES;
  readonly concurrency: number;
}

function worker(f: Foundation, shape: WorkerShape): ServiceSpec {
  const { replicas, connections } = SIZES[shape.name](f.config);
  return {
    name: shape.name,
    image: "worker",
    command: [NODE, "/app/worker.mjs"],
    environment: {
      ...serving(f, connections),
      WORKER_QUEUES: WORKER_QUEUES[shape.name].join(","),
      WORKER_CONCURRENCY: String(shape.concurrency),
      WORKER_POOL: f.config.worker.pool,
      WORKER_GPU: shape.gpu ? "nvidia" : "none",
      SPEECH_ENGINE: f.config.speech.engine,
      KOKORO_MODEL_DIR: MODEL_FOLDER,
      KOKORO_DEVICE: shape.gpu ? "cuda" : "cpu",
    },
    secrets: servingSecrets(f),
    uid: UIDS.worker,
    limits: shape.limits,
    connections,
    objects: "write",
    replicas,
    port: PORT,
    health: probe(),
    drainSeconds: f.config.drainSeconds,
    gpu: shape.gpu,
    ...modelOf(f.config),
  };
}

/** Tells the cluster which workers are busy, so that it takes others away first. */
function marker(f: Foundation): ServiceSpec {
  const { replicas, connections } = SIZES.marker();
  return {
    name: MARKER,
    image: "worker",
    command: [NODE, "/app/marker.mjs"],
    environment: {
      ...common(f),
      ...databaseEnvironment(f.database, f.database.app, connections),
      ...{ PORT: String(PORT), DRAIN_SECONDS: String(MARKER_DRAIN_SECONDS) },
      ...{ MARKED_SERVICES: "worker-cpu,worker-gpu", CLUSTER_ACCESS_DIR: CLUSTER_FOLDER },
    },
    secrets: { "database-password": f.database.app.password, ...authority("database", f.database.tls) },
    uid: UIDS.worker,
    limits: { memoryMiB: 128, cpus: 0.25 },
    ...{ connections, replicas, objects: "none", gpu: false },
    port: PORT,
    health: probe(),
    drainSeconds: MARKER_DRAIN_SECONDS,
  };
}

function modelOf({ speech, kubernetes }: StackConfig): Pick<ServiceSpec, "model"> {
  const model = speech.modelFolder ?? kubernetes?.modelClaim;
  return model === undefined ? {} : { model };
}

function probe(): Probe {
  return {
    command: [NODE, "/app/healthcheck.mjs"],
    // Fast enough that a release takes over seconds after it is ready; a check costs some 40 to 100 ms of one core.
    intervalSeconds: 5,
    timeoutSeconds: 4,
    retries: 3,
    startSeconds: 60,
  };
}

function common(f: Foundation): ProgramSpec["environment"] {
  return { APP_ENV: f.config.environment, SECRETS_DIR: SECRETS_FOLDER, NODE_ENV: "production" };
}

function serving(f: Foundation, connections: number): ProgramSpec["environment"] {
  return {
    ...common(f),
    ...databaseEnvironment(f.database, f.database.app, connections),
    ...cacheEnvironment(f.cache),
    OBJECTS_URL: f.objects.url,
    PORT: String(PORT),
    DRAIN_SECONDS: String(f.config.drainSeconds),
  };
}

function servingSecrets(f: Foundation): ProgramSpec["secrets"] {
  return {
    "database-password": f.database.app.password,
    "redis-password": f.cache.password,
    ...f.aes,
    ...authority("database", f.database.tls),
    ...authority("redis", f.cache.tls),
  };
}
