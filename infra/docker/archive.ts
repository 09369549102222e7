import { Network, Volume } from "@pulumi/docker";
import type { ComponentResource, Input, Output } from "@pulumi/pulumi";
import type { BackupSettings } from "../../configs/stack-backup.ts";
import {
  OFFSITE_FOLDER,
  REPOSITORY_FOLDER,
  repositoryEnvironment,
  repositorySecrets,
  SOCKET_FOLDER,
} from "../backup-environment.ts";
import type { BackupSecrets } from "../secrets.ts";
import type { ContainerShape } from "./container.ts";
import { labels, SERVICE_LABEL } from "./labels.ts";

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
    environment: repositoryEnvironment(offsite),
    secrets: repositorySecrets(offsite, secrets),
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
