import { pathToFileURL } from "node:url";
import type { RuntimeConfig } from "../configs/runtime.ts";
import type { ObjectStore } from "../jobs/object-store.ts";
import { openObjects } from "../jobs/objects.ts";

/** Where our own files of backups lie; pgBackRest keeps its own beside them. */
export interface Repository {
  readonly name: "local" | "offsite";
  readonly store: ObjectStore;
}

/** Part of the configuration that says where repositories are. */
export type RepositoryPlaces = Pick<
  RuntimeConfig<"backup">,
  | "BACKUP_REPOSITORY_DIR"
  | "BACKUP_OFFSITE_URL"
  | "BACKUP_OFFSITE_ENDPOINT"
  | "BACKUP_OFFSITE_REGION"
  | "BACKUP_OFFSITE_CA_FILE"
> & { readonly secrets: Partial<RuntimeConfig<"backup">["secrets"]> };

/** Opens the repositories, the local one first; nothing has to answer yet. */
export function openRepositories(config: RepositoryPlaces): readonly Repository[] {
  const local = { name: "local", store: openObjects(pathToFileURL(config.BACKUP_REPOSITORY_DIR).href) } as const;
  if (config.BACKUP_OFFSITE_URL === undefined) return [local];
  const { "offsite-access-key-id": accessKeyId, "offsite-secret-access-key": secretAccessKey } = config.secrets;
  const store = openObjects(config.BACKUP_OFFSITE_URL, {
    endpoint: config.BACKUP_OFFSITE_ENDPOINT,
    region: config.BACKUP_OFFSITE_REGION,
    caFile: config.BACKUP_OFFSITE_CA_FILE,
    ...(accessKeyId !== undefined &&
      secretAccessKey !== undefined && { credentials: { accessKeyId, secretAccessKey } }),
  });
  return [local, { name: "offsite", store }];
}
