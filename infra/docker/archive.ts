import { Network, Volume } from "@pulumi/docker";
import type { ComponentResource, Input, Output } from "@pulumi/pulumi";
import type { BackupSettings } from "../../configs/stack-backup.ts";
import { SECRETS_FOLDER } from "../contract.ts";
import type { BackupSecrets } from "../secrets.ts";
import type { ContainerShape } from "./container.ts";
import { labels, SERVICE_LABEL } from "./labels.ts";

/** Folders of the two containers that write backups; the images make them, so that their user owns the volumes. */
const REPOSITORY_FOLDER = "/var/lib/slipway/backups";
const OFFSITE_FOLDER = "/var/lib/slipway/offsite";
const SOCKET_FOLDER = "/run/slipway/postgres";

const CA_FILE = "offsite-ca.pem";

/** Where backups go, as both that write there see it: Postgres its WAL, the agent everything else. */
export interface Archive extends Required<Pick<ContainerShape, "volumes" | "hostFolders" | "networks">> {
  readonly environment: Readonly<Record<string, string>>;
  readonly secrets: Readonly<Record<string, Input<string>>>;
}

export const NO_ARCHIVE: Archive = { environment: {}, secrets: {}, volumes: [], hostFolders: [], networks: [] };

export interface ArchiveArgs {
  readonly settings: BackupSettings;
  readonly secrets: BackupSecrets;
  /** The volume of the repository on this host. */
  readonly volume: Input<string>;
  readonly parent: ComponentResource;
}

/** The repositories: one on a volume of this host, and one elsewhere where the stack names it. */
export function archive({ settings: { offsite }, secrets, volume, parent }: ArchiveArgs): Archive {
  const socket = new Volume("socket-postgres", { labels: labels({ [SERVICE_LABEL]: "postgres" }) }, { parent });
  return {
    environment: {
      POSTGRES_SOCKET_DIR: SOCKET_FOLDER,
      BACKUP_REPOSITORY_DIR: REPOSITORY_FOLDER,
      ...offsiteEnvironment(offsite),
    },
    secrets: { "backup-key": secrets.key, ...offsiteSecrets(offsite, secrets) },
    volumes: [
      { volume, folder: REPOSITORY_FOLDER, access: "write" },
      { volume: socket.name, folder: SOCKET_FOLDER, access: "write" },
    ],
    hostFolders:
      offsite?.folder === undefined ? [] : [{ source: offsite.folder, folder: OFFSITE_FOLDER, access: "write" }],
    networks: offsite?.s3 === undefined ? [] : [{ name: wayOut(parent) }],
  };
}

/** The inner network has no way out; these two get one of their own, into which nobody is let. */
function wayOut(parent: ComponentResource): Output<string> {
  return new Network("offsite", { driver: "bridge", labels: labels() }, { parent }).name;
}

function offsiteEnvironment(offsite: BackupSettings["offsite"]): Archive["environment"] {
  if (offsite?.folder !== undefined) return { BACKUP_OFFSITE_URL: `file://${OFFSITE_FOLDER}` };
  if (offsite?.s3 === undefined) return {};
  const { bucket, prefix, region, endpoint, ca } = offsite.s3;
  return {
    BACKUP_OFFSITE_URL: `s3://${bucket}${prefix === undefined ? "" : `/${prefix}`}`,
    BACKUP_OFFSITE_REGION: region,
    ...(endpoint === undefined ? {} : { BACKUP_OFFSITE_ENDPOINT: endpoint }),
    ...(ca === undefined ? {} : { BACKUP_OFFSITE_CA_FILE: `${SECRETS_FOLDER}/${CA_FILE}` }),
  };
}

function offsiteSecrets(offsite: BackupSettings["offsite"], { bucket }: BackupSecrets): Archive["secrets"] {
  if (offsite?.s3 === undefined) return {};
  const { ca } = offsite.s3;
  return {
    ...(bucket === undefined
      ? {}
      : { "offsite-access-key-id": bucket.accessKeyId, "offsite-secret-access-key": bucket.secretAccessKey }),
    // No secret, but a file that has to lie somewhere.
    ...(ca === undefined ? {} : { [CA_FILE]: ca }),
  };
}
