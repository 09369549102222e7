import { existsSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { API_SETTINGS } from "./api-settings.ts";
import { BACKUP_SETTINGS, checkOffsite } from "./backup-settings.ts";
import { SECRET_CHECKS } from "./credential-keys.ts";
import { DRILL_SETTINGS } from "./drill-settings.ts";
import { MARKER_SETTINGS } from "./marker-settings.ts";
import { isEncrypted, MASK, openEncrypted, readSecret, SecretError } from "./secrets.ts";
import { choice, text, whole } from "./settings.ts";
import { WORKER_SETTINGS } from "./worker-settings.ts";

/** Exit status of a process whose configuration is wrong (EX_CONFIG of sysexits.h). */
export const EXIT_CONFIG = 78;

/** Where a process runs; debug switches, docs pages and log level follow from it. */
export const ENVIRONMENTS = ["local", "dev", "test", "prod"] as const;
export type AppEnvironment = (typeof ENVIRONMENTS)[number];

export const LOG_LEVELS = ["trace", "debug", "info", "warn", "error", "fatal"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Every queue. A job goes to one of them, a worker serves some. */
export const QUEUES = ["default", "cpu", "gpu", "maintenance"] as const;
export type QueueName = (typeof QUEUES)[number];

/** One thing wrong with the configuration; never holds the value of a secret. */
export interface ConfigFault {
  readonly key: string;
  readonly got: string;
  readonly allowed: string;
  readonly fix: string;
}

/** Everything that is wrong with the configuration, at once. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  readonly faults: readonly ConfigFault[];

  constructor(program: Program, faults: readonly ConfigFault[]) {
    const lines = faults.map((f) => `  ${f.key}: got ${f.got}; allowed: ${f.allowed}. ${f.fix}`);
    super(`${program}: ${faults.length} fault(s) in the configuration:\n${lines.join("\n")}`);
    this.faults = faults;
  }
}

const TLS_MODES = ["off", "verify"] as const;

const base = {
  APP_ENV: choice(ENVIRONMENTS),
  LOG_LEVEL: choice(LOG_LEVELS).optional(),
  ECHO_CONFIG: choice(["true", "false"]).default("false"),
  DATABASE_HOST: text("a host name or address"),
  DATABASE_PORT: whole(1, 65_535, 5432),
  DATABASE_NAME: text("the name of a database"),
  DATABASE_USER: text("the name of a role"),
  DATABASE_POOL_SIZE: whole(1, 1000, 10),
  DATABASE_TLS: choice(TLS_MODES).default("off"),
  DATABASE_CA_FILE: text("the path of a PEM file").optional(),
};

const listening = {
  HOST: text("an address to listen on").default("0.0.0.0"),
  PORT: whole(1, 65_535, 8000),
  DRAIN_SECONDS: whole(1, 3600, 25),
};

const serving = {
  ...base,
  ...listening,
  // One may be held while Redis is filled again, and that work needs another.
  DATABASE_POOL_SIZE: whole(2, 1000, 10),
  REDIS_HOST: text("a host name or address"),
  REDIS_PORT: whole(1, 65_535, 6379),
  REDIS_USER: text("the name of a user").optional(),
  REDIS_TLS: choice(TLS_MODES).default("off"),
  REDIS_CA_FILE: text("the path of a PEM file").optional(),
  OBJECTS_URL: z
    .string()
    .regex(/^(file:\/\/\/.|s3:\/\/[a-z0-9][a-z0-9.-]+[a-z0-9](\/|$))/, {
      error: "file:///absolute/folder or s3://bucket/folder",
    })
    .default("file:///var/lib/slipway/objects"),
  DRAIN_LINGER_SECONDS: whole(0, 300, 3),
};

const QUEUE_LIST = `names of ${QUEUES.join(", ")}, separated by commas`;

function isQueue(name: string): name is QueueName {
  return QUEUES.some((queue) => queue === name);
}

const queueList = z
  .string()
  .default("default")
  .refine((list) => list.split(",").every(isQueue), { error: QUEUE_LIST })
  .transform((list) => [...new Set(list.split(",").filter(isQueue))]);

const SCHEMAS = {
  api: z.object({ ...serving, ...API_SETTINGS }),
  worker: z.object({
    ...serving,
    PORT: whole(1, 65_535, 8001),
    WORKER_QUEUES: queueList,
    WORKER_CONCURRENCY: whole(1, 1000, 4),
    ...WORKER_SETTINGS,
  }),
  marker: z.object({ ...base, ...listening, ...MARKER_SETTINGS }),
  backup: z.object({ ...serving, ...BACKUP_SETTINGS }).superRefine(checkOffsite),
  migrate: z.object(base),
  drill: z.object({ ...base, ...DRILL_SETTINGS }),
  /** Who it comes as stands in the secret. */
  prepare: z
    .object(base)
    .omit({ DATABASE_USER: true })
    .extend({
      DATABASE_MASTER_SECRET: text("the ARN of the secret that RDS keeps of its master user"),
    }),
} as const;

/** The programs that read this configuration. */
export type Program = keyof typeof SCHEMAS;

const SECRETS = {
  api: ["database-password", "redis-password", "jwt-keys", "hmac-keys"],
  worker: ["database-password", "redis-password"],
  marker: ["database-password"],
  backup: ["database-password", "redis-password", "backup-key"],
  migrate: ["database-password"],
  drill: ["database-password"],
  // One slot of them, or both.
  prepare: [],
} as const satisfies Record<Program, readonly string[]>;

/** Groups of secrets that are read where there is a file of any of a group; then all of it have to be there. */
const OPTIONAL_SECRETS = {
  api: [],
  worker: [],
  marker: [],
  // Without them S3 is asked as the role that the machine or the pod has.
  backup: [["offsite-access-key-id", "offsite-secret-access-key"]],
  migrate: [],
  drill: [],
  prepare: [
    ["database-password", "database-owner-password"],
    ["database-password-second", "database-owner-password-second"],
  ],
} as const satisfies Record<Program, readonly (readonly string[])[]>;

/** Programs that have to have one of their groups at least. */
const ONE_GROUP: readonly Program[] = ["prepare"];

type OptionalSecret<P extends Program> = (typeof OPTIONAL_SECRETS)[P][number][number];

export type SecretName = (typeof SECRETS)[Program][number] | OptionalSecret<Program>;

/** What a program reads: its checked environment under the keys' own names, and its secrets beside it. */
export type RuntimeConfig<P extends Program> = z.output<(typeof SCHEMAS)[P]> & {
  readonly program: P;
  /** `local`, `dev` and `test` show docs pages and details; `prod` does not. */
  readonly debug: boolean;
  /** LOG_LEVEL, else `debug` where debug is on and `info` in prod. */
  readonly logLevel: LogLevel;
  /** Folder that the secrets lie in; keys are read again from there when they change. */
  readonly secretsDirectory: string;
  readonly secrets: Readonly<Record<(typeof SECRETS)[P][number], string>> &
    Readonly<Partial<Record<OptionalSecret<P>, string>>>;
};

/** The part of the configuration that every program has. */
export type DatabaseConfig = RuntimeConfig<"migrate">;

/**
 * Reads and checks the whole configuration of one program.
 *
 * @param env the process's environment; values of the form `ENC(...)` are opened with the secret `aes-secret`
 * @throws ConfigError with every fault at once
 */
export function loadRuntime<P extends Program>(program: P, env: NodeJS.ProcessEnv): RuntimeConfig<P> {
  const faults: ConfigFault[] = [];
  const directory = env["SECRETS_DIR"] ?? "/run/secrets/slipway";
  const schema: z.ZodObject = SCHEMAS[program];
  const open = opener(directory);
  const values = openValues(Object.keys(schema.shape), env, open, faults);
  const parsed = schema.safeParse(values);
  // Values that failed to open are left out of `values`; their own fault is enough.
  const known = new Set(faults.map((fault) => fault.key));
  if (!parsed.success)
    faults.push(...parsed.error.issues.map((i) => envFault(i, env)).filter((f) => !known.has(f.key)));
  const secrets = readSecrets([...SECRETS[program], ...optionalSecrets(program, directory)], directory, open, faults);
  if (faults.length > 0 || !parsed.success) throw new ConfigError(program, faults);
  const debug = parsed.data["APP_ENV"] !== "prod";
  const logLevel = parsed.data["LOG_LEVEL"] ?? (debug ? "debug" : "info");
  // The schema of this program made `data`, and the loop over its names made `secrets`.
  return { ...parsed.data, program, debug, logLevel, secretsDirectory: directory, secrets } as RuntimeConfig<P>;
}

/** The groups that are there; of a program that has to have one, the first where there is none: its faults say what is missing. */
function optionalSecrets(program: Program, directory: string): readonly string[] {
  const groups: readonly (readonly string[])[] = OPTIONAL_SECRETS[program];
  const there = groups.filter((group) => group.some((name) => existsSync(join(directory, name))));
  return (there.length === 0 && ONE_GROUP.includes(program) ? groups.slice(0, 1) : there).flat();
}

type Opener = (value: string) => string;

/** Opens `ENC(...)`; the key is read only when a value needs it. */
function opener(directory: string): Opener {
  return (value) => (isEncrypted(value) ? openEncrypted(directory, value) : value);
}

function openValues(
  keys: string[],
  env: NodeJS.ProcessEnv,
  open: Opener,
  faults: ConfigFault[],
): Record<string, string> {
  const values: Record<string, string> = {};
  for (const key of keys) {
    const value = env[key];
    if (value === undefined) continue;
    try {
      values[key] = open(value);
    } catch (error) {
      faults.push(secretFault(key, "an ENC(...) value", error));
    }
  }
  return values;
}

function readSecrets(
  names: readonly string[],
  directory: string,
  open: Opener,
  faults: ConfigFault[],
): Record<string, string> {
  const secrets: Record<string, string> = {};
  for (const name of names) {
    try {
      const secret = open(readSecret(directory, name));
      SECRET_CHECKS[name]?.(secret);
      secrets[name] = secret;
    } catch (error) {
      faults.push(secretFault(`secret ${name}`, "no usable secret", error));
    }
  }
  return secrets;
}

function secretFault(key: string, got: string, error: unknown): ConfigFault {
  if (!(error instanceof SecretError)) throw error;
  return { key, got, allowed: "a readable secret", fix: capitalise(`${error.message}.`) };
}

function capitalise(sentence: string): string {
  return sentence.charAt(0).toUpperCase() + sentence.slice(1);
}

function envFault(issue: z.core.$ZodIssue, env: NodeJS.ProcessEnv): ConfigFault {
  const key = issue.path.join(".");
  const got = env[key];
  return {
    key,
    got: got === undefined ? "nothing" : isEncrypted(got) ? "an ENC(...) value" : JSON.stringify(got),
    allowed: issue.message,
    fix: got === undefined ? `Set ${key}.` : `Correct ${key}.`,
  };
}

/**
 * The resolved configuration for `ECHO_CONFIG=true`: secrets and whatever came as `ENC(...)` are masked.
 *
 * @param env the environment that the configuration was read from
 */
export function maskConfig<P extends Program>(
  config: RuntimeConfig<P>,
  env: NodeJS.ProcessEnv,
): Record<string, unknown> {
  const shown: Record<string, unknown> = { ...config };
  for (const key of Object.keys(shown)) if (isEncrypted(env[key] ?? "")) shown[key] = MASK;
  return { ...shown, secrets: Object.fromEntries(Object.keys(config.secrets).map((name) => [name, MASK])) };
}
