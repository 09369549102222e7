import type { Input, Output, Resource } from "@pulumi/pulumi";

/**
 * What the services need and what a platform gives. `services.ts` speaks only these words, so that a platform is one
 * folder that renders them.
 */

/**
 * Folder in which every process finds its secrets, on every platform. Ours alone: EKS and Kubernetes mount their tokens
 * beside it, at `/run/secrets/<theirs>`, which a read-only volume at `/run/secrets` itself would not let them.
 */
export const SECRETS_FOLDER = "/run/secrets/slipway";

/** Folder in which a program that speaks to the cluster it runs in finds its token, where Kubernetes' own libraries look. */
export const CLUSTER_FOLDER = "/run/secrets/kubernetes.io/serviceaccount";

/** Folder in which workers find the speech model, on every platform. */
export const MODEL_FOLDER = "/var/lib/slipway/models/speech";

/** The images of the product, built from `infra/images/<name>/Dockerfile`. */
export type ServiceImage = "api" | "worker";

/** A question that a platform asks a container again and again. */
export interface Probe {
  /** Command and arguments inside the container; exit 0 is a yes. */
  readonly command: readonly string[];
  readonly intervalSeconds: number;
  readonly timeoutSeconds: number;
  /** Noes in a row until the container counts as unhealthy. */
  readonly retries: number;
  /** Seconds after the start in which a no does not count. */
  readonly startSeconds: number;
}

/** What the kernel enforces for one container. */
export interface Limits {
  readonly memoryMiB: number;
  readonly cpus: number;
}

/** A program of the product, running or run once. The same words mean the same on every platform. */
export interface ProgramSpec {
  /** Name of the service: its Docker or Kubernetes name begins with it. */
  readonly name: string;
  readonly image: ServiceImage;
  readonly command: readonly string[];
  /** Plain settings. A secret never stands here: `docker inspect` and a pod's spec show them. */
  readonly environment: Readonly<Record<string, Input<string>>>;
  /** Secrets by file name; the process reads them below `SECRETS_DIR`, mode 0400, its own user. */
  readonly secrets: Readonly<Record<string, Input<string>>>;
  /** Numeric user and group of the process; never 0. */
  readonly uid: number;
  readonly limits: Limits;
  /** Most connections to Postgres that one of its processes holds. */
  readonly connections: number;
  /** Whether the process reads or writes the object store's folder, where there is a folder. */
  readonly objects: "none" | "read" | "write";
}

/** A program that goes on running, in one or more replicas. */
export interface ServiceSpec extends ProgramSpec {
  readonly replicas: number;
  /** Port on which it answers its probes and, for the API, requests. */
  readonly port: number;
  readonly health: Probe;
  /** Seconds from SIGTERM to SIGKILL. */
  readonly drainSeconds: number;
  /** Whether it needs a GPU. */
  readonly gpu: boolean;
  /** Where the speech model comes from: a folder of the Docker host, a claim in the cluster. It stands read-only at {@link MODEL_FOLDER}. */
  readonly model?: string;
}

/** A role of the database and the secret that opens it. */
export interface DatabaseRole {
  readonly user: string;
  readonly password: Output<string>;
}

/** How the certificate of a server is checked. */
export interface Trust {
  /** Authority that signed it, PEM. @default those that Node brings along */
  readonly ca?: Input<string>;
}

/** A Postgres that exists, whoever runs it. */
export interface Database {
  readonly host: Input<string>;
  readonly port: number;
  readonly name: string;
  /** Reads and writes rows; owns nothing. */
  readonly app: DatabaseRole;
  /** Owns the schema; only migrations use it. */
  readonly owner: DatabaseRole;
  /** Present where it is reached by TLS. @default in clear, on a network of its own */
  readonly tls?: Trust;
  /** ARN of AWS' secret of who may make roles, where nobody else makes ours. @default the roles are there */
  readonly masterSecret?: Input<string>;
  /** Secrets by file name of all roles that may come in, where {@link masterSecret} makes them: a slot that is not among them is refused. */
  readonly roleFiles?: Readonly<Record<string, Input<string>>>;
  /** Present where AWS restores it, and drills try that. */
  readonly drilled?: DrilledDatabase;
}

/** An instance of RDS, and the one that drills make of it. */
export interface DrilledDatabase {
  /** Identifier of the instance that serves. */
  readonly source: Input<string>;
  /** Identifier of the temporary one. */
  readonly temporary: Input<string>;
  /** Its tags, with the one that marks it. */
  readonly tags: Readonly<Record<string, string>>;
}

/** A Redis with `noeviction`, whoever runs it. */
export interface Cache {
  readonly host: Input<string>;
  readonly port: number;
  /** @default Redis' own default user */
  readonly user?: string;
  readonly password: Output<string>;
  /** Present where it is reached by TLS. @default in clear, on a network of its own */
  readonly tls?: Trust;
}

/** Where artifacts lie. */
export interface ObjectStore {
  /** `file:///folder` on one host, `s3://bucket` in the cloud. */
  readonly url: Input<string>;
}

/** What a finished step stands for: later steps wait for it. */
export type Done = Resource;

/** What a stack asks of a platform. */
export interface Platform {
  readonly database: Database;
  readonly cache: Cache;
  readonly objects: ObjectStore;
  /** Whether GPU workers can run here. */
  readonly hasGpu: boolean;
  /** Runs a program once, after the data services are healthy; a non-zero exit stops the deploy with its log. */
  runOnce(spec: ProgramSpec): Done;
  /** Brings services up beside those that run, and lets them take over once every one is healthy. */
  release(services: readonly ServiceSpec[], after: readonly Done[]): Release;
}

/** What was asked for of one service. */
export interface AskedService {
  readonly image: string;
  /** Name of what runs; it changes with everything that is in its containers or pods. */
  readonly release: string;
  /** Absent where an autoscaler decides. */
  readonly replicas?: number;
}

/** A release that took over. */
export interface Release {
  /** Where the public reaches the API, without a slash at the end. */
  readonly url: Output<string>;
  /** Name of the release of each service. */
  readonly serving: Output<Record<string, string>>;
  /** The same with images and numbers: what runs is compared with it. */
  readonly asked: Output<Record<string, AskedService>>;
}
