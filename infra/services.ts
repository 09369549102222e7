import type { Input, Output } from "@pulumi/pulumi";
import type { StackConfig } from "../configs/stack.ts";
import {
  MODEL_FOLDER,
  SECRETS_FOLDER,
  type Cache,
  type Database,
  type DatabaseRole,
  type ObjectStore,
  type Probe,
  type ProgramSpec,
  type ServiceSpec,
  type Trust,
} from "./contract.ts";
import { MIGRATE_CONNECTIONS, type ConnectionUser } from "./plan/connection-budget.ts";

/** Users of the images; they own nothing but what they are given. Any id above Debian's own range would do. */
export const UIDS = { api: 10_001, worker: 10_002 } as const;

const NODE = "/usr/local/bin/node";
const PORT = 8000;

/**
 * Many jobs share a statement, whatever the concurrency: two connections claim, two commit, one each is for relay, heartbeat and
 * what aggregates read, and one more while Redis is filled again.
 */
const WORKER_CONNECTIONS = 8;

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
} as const satisfies Record<string, (config: StackConfig) => Omit<ConnectionUser, "name">>;

type ServiceName = keyof typeof SIZES;

/** Which running service holds how many connections to Postgres. */
export function connectionUsers(config: StackConfig, hasGpu: boolean): ConnectionUser[] {
  const names: ServiceName[] = ["api", "worker-cpu", ...(hasGpu ? (["worker-gpu"] as const) : [])];
  return names.map((name) => ({ name, ...SIZES[name](config) }));
}

/** What the services stand on. */
export interface Foundation {
  readonly config: StackConfig;
  readonly database: Database;
  readonly cache: Cache;
  readonly objects: ObjectStore;
  /** Key rings that credentials are checked with. */
  readonly keys: { readonly jwt: Output<string>; readonly hmac: Output<string> };
  readonly hasGpu: boolean;
}

/** Every program of the product, each described once. */
export interface Services {
  /** Makes the roles of the database; present where nobody else does. It goes before `migrate`. */
  readonly prepare?: ProgramSpec;
  readonly migrate: ProgramSpec;
  readonly running: readonly ServiceSpec[];
}

/** Describes the product's programs for one environment. Pure: no resource is made here. */
export function describeServices(foundation: Foundation): Services {
  const running = [api(foundation), workerCpu(foundation)];
  const { masterSecret } = foundation.database;
  return {
    ...(masterSecret === undefined ? {} : { prepare: prepare(foundation, masterSecret) }),
    migrate: migrate(foundation),
    running: foundation.hasGpu ? [...running, workerGpu(foundation)] : running,
  };
}

/** The roles of the product, made by the database's master user, whose password no stack knows. */
function prepare(f: Foundation, masterSecret: Input<string>): ProgramSpec {
  const spec = migrate(f);
  return {
    ...spec,
    name: "prepare",
    command: [NODE, "/app/prepare.mjs"],
    environment: { ...spec.environment, DATABASE_MASTER_SECRET: masterSecret },
    secrets: {
      ...spec.secrets,
      "database-password": f.database.app.password,
      "database-owner-password": f.database.owner.password,
    },
  };
}

/** The schema's migrations, run before any new container serves, under the role that owns the schema. */
function migrate(f: Foundation): ProgramSpec {
  return {
    name: "migrate",
    image: "api",
    command: [NODE, "/app/migrate.mjs"],
    environment: { ...common(f), ...databaseEnvironment(f.database, f.database.owner, MIGRATE_CONNECTIONS) },
    secrets: { "database-password": f.database.owner.password, ...authority("database", f.database.tls) },
    uid: UIDS.api,
    limits: { memoryMiB: 256, cpus: 1 },
    connections: MIGRATE_CONNECTIONS,
    objects: "none",
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

function apiLimits(api: StackConfig["api"]): ProgramSpec["environment"] {
  return {
    RATE_LIMIT_PER_SECOND: String(api.rateLimitPerSecond),
    RATE_LIMIT_BURST: String(api.rateLimitBurst),
    QUEUE_MAX_PENDING: String(api.queueMaxPending),
    CORS_ORIGINS: api.corsOrigins.join(","),
  };
}

function workerCpu(f: Foundation): ServiceSpec {
  const { concurrency, memoryMiB, cpus } = f.config.worker;
  return worker(f, {
    name: "worker-cpu",
    queues: "default,cpu,maintenance",
    concurrency,
    gpu: false,
    limits: { memoryMiB, cpus },
  });
}

function workerGpu(f: Foundation): ServiceSpec {
  const { concurrency, memoryMiB, cpus } = f.config.gpu;
  return worker(f, {
    name: "worker-gpu",
    queues: "gpu",
    concurrency,
    gpu: true,
    limits: { memoryMiB, cpus },
  });
}

interface WorkerShape extends Pick<ServiceSpec, "gpu" | "limits"> {
  readonly name: "worker-cpu" | "worker-gpu";
  readonly queues: string;
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
      WORKER_QUEUES: shape.queues,
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

function databaseEnvironment(database: Database, role: DatabaseRole, connections: number): ProgramSpec["environment"] {
  return {
    DATABASE_HOST: database.host,
    DATABASE_PORT: String(database.port),
    DATABASE_NAME: database.name,
    DATABASE_USER: role.user,
    DATABASE_POOL_SIZE: String(connections),
    ...verified("DATABASE", "database", database.tls),
  };
}

/** How a process is told to check a server's certificate; nothing where it is reached in clear. */
function verified(prefix: "DATABASE" | "REDIS", name: string, tls: Trust | undefined): ProgramSpec["environment"] {
  if (tls === undefined) return {};
  return {
    [`${prefix}_TLS`]: "verify",
    ...(tls.ca === undefined ? {} : { [`${prefix}_CA_FILE`]: `${SECRETS_FOLDER}/${name}-ca.pem` }),
  };
}

/** No secret, but a file that has to lie somewhere. */
function authority(name: string, tls: Trust | undefined): ProgramSpec["secrets"] {
  return tls?.ca === undefined ? {} : { [`${name}-ca.pem`]: tls.ca };
}

function serving(f: Foundation, connections: number): ProgramSpec["environment"] {
  return {
    ...common(f),
    ...databaseEnvironment(f.database, f.database.app, connections),
    REDIS_HOST: f.cache.host,
    REDIS_PORT: String(f.cache.port),
    ...verified("REDIS", "redis", f.cache.tls),
    OBJECTS_URL: f.objects.url,
    PORT: String(PORT),
    DRAIN_SECONDS: String(f.config.drainSeconds),
  };
}

function servingSecrets(f: Foundation): ProgramSpec["secrets"] {
  return {
    "database-password": f.database.app.password,
    "redis-password": f.cache.password,
    ...authority("database", f.database.tls),
    ...authority("redis", f.cache.tls),
  };
}
