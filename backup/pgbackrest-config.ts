import { chmodSync, mkdirSync, renameSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import type { RuntimeConfig } from "../configs/runtime.ts";

/** The one stanza: the cluster of this stack. */
export const STANZA = "slipway";

/** WAL that may wait in Postgres's folder while a repository takes none; beyond it WAL is dropped and the database goes on. */
export const ARCHIVE_QUEUE_MAX = "1GiB";

/** Part of the configuration that repositories follow from. */
export type RepositoryConfig = Pick<
  RuntimeConfig<"backup">,
  | "BACKUP_REPOSITORY_DIR"
  | "BACKUP_OFFSITE_URL"
  | "BACKUP_OFFSITE_ENDPOINT"
  | "BACKUP_OFFSITE_REGION"
  | "BACKUP_OFFSITE_CA_FILE"
  | "BACKUP_KEEP_DAYS"
  | "secrets"
>;

/** Where a cluster lies that pgBackRest reads or fills. */
export interface ClusterPlace {
  readonly dataDirectory: string;
  /** Folder of its socket. */
  readonly socketDirectory: string;
  readonly port: number;
}

/** Names of the repositories, by the number that pgBackRest gives them. */
export const REPOSITORY_NAMES = { 1: "local", 2: "offsite" } as const;
export type RepositoryNumber = keyof typeof REPOSITORY_NAMES;

/** Numbers of the repositories that there are. */
export function repositoriesOf(config: Pick<RepositoryConfig, "BACKUP_OFFSITE_URL">): readonly RepositoryNumber[] {
  return config.BACKUP_OFFSITE_URL === undefined ? [1] : [1, 2];
}

/**
 * pgBackRest's configuration. It holds the key, so it goes into a file, never into a command line or an environment.
 *
 * @param scratch folder for its locks, on this machine
 */
export function renderPgbackrest(config: RepositoryConfig, cluster: ClusterPlace, scratch: string): string {
  const global = {
    "log-level-console": "detail",
    "log-level-file": "off",
    "log-level-stderr": "off",
    "lock-path": `${scratch}/lock`,
    "spool-path": `${scratch}/spool`,
    "archive-push-queue-max": ARCHIVE_QUEUE_MAX,
    "compress-type": "zst",
    // Begins at once: the daily time has been chosen for it.
    "start-fast": "y",
    "checksum-page": "y",
    ...localRepository(config),
    ...offsiteRepository(config),
  };
  const stanza = {
    "pg1-path": cluster.dataDirectory,
    "pg1-socket-path": cluster.socketDirectory,
    "pg1-port": String(cluster.port),
    "pg1-user": "postgres",
    "pg1-database": "postgres",
  };
  return `[global]\n${lines(global)}\n[${STANZA}]\n${lines(stanza)}`;
}

/** Writes the configuration so that only this user can read it, whole or not at all. */
export function writePgbackrest(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const beside = `${path}.new`;
  writeFileSync(beside, text, { mode: 0o600 });
  chmodSync(beside, 0o600); // One that was there keeps its own mode.
  renameSync(beside, path);
}

function localRepository(config: RepositoryConfig): Readonly<Record<string, string>> {
  return { "repo1-path": `${config.BACKUP_REPOSITORY_DIR}/pgbackrest`, ...sealedAndKept(1, config) };
}

function offsiteRepository(config: RepositoryConfig): Readonly<Record<string, string>> {
  const { BACKUP_OFFSITE_URL: url } = config;
  if (url === undefined) return {};
  const { protocol, hostname, pathname } = new URL(url);
  if (protocol === "file:") return { "repo2-path": `${fileURLToPath(url)}/pgbackrest`, ...sealedAndKept(2, config) };
  const endpoint = config.BACKUP_OFFSITE_ENDPOINT ?? `https://s3.${config.BACKUP_OFFSITE_REGION ?? ""}.amazonaws.com`;
  return {
    "repo2-type": "s3",
    "repo2-path": `${pathname.replace(/\/$/, "")}/pgbackrest`,
    "repo2-s3-bucket": hostname,
    "repo2-s3-region": config.BACKUP_OFFSITE_REGION ?? "",
    "repo2-s3-endpoint": endpoint.replace(/^.*:\/\//, ""),
    // Elsewhere than at AWS a bucket has no name in DNS.
    ...(config.BACKUP_OFFSITE_ENDPOINT !== undefined && { "repo2-s3-uri-style": "path" }),
    ...(config.BACKUP_OFFSITE_CA_FILE !== undefined && { "repo2-storage-ca-file": config.BACKUP_OFFSITE_CA_FILE }),
    ...accessOf(config),
    ...sealedAndKept(2, config),
  };
}

/** Keys where there are some, else the role of the machine or the pod. */
function accessOf({ secrets }: RepositoryConfig): Readonly<Record<string, string>> {
  const { "offsite-access-key-id": id, "offsite-secret-access-key": secret } = secrets;
  return id === undefined || secret === undefined
    ? { "repo2-s3-key-type": "auto" }
    : { "repo2-s3-key": id, "repo2-s3-key-secret": secret };
}

function sealedAndKept(number: RepositoryNumber, config: RepositoryConfig): Readonly<Record<string, string>> {
  return {
    [`repo${number}-cipher-type`]: "aes-256-cbc",
    [`repo${number}-cipher-pass`]: config.secrets["backup-key"],
    [`repo${number}-retention-full-type`]: "time",
    [`repo${number}-retention-full`]: String(config.BACKUP_KEEP_DAYS),
  };
}

function lines(entries: Readonly<Record<string, string>>): string {
  const broken = Object.entries(entries).find(([, value]) => /[\r\n]/.test(value));
  if (broken) throw new Error(`${broken[0]}: holds a line break, must be one line; correct the setting or the secret`);
  return Object.entries(entries)
    .map(([key, value]) => `${key}=${value}\n`)
    .join("");
}
