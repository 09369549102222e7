import type { RuntimeConfig } from "../configs/runtime.ts";
import type { ObjectStore } from "../jobs/object-store.ts";
import { openObjects } from "../jobs/objects.ts";
import { deriveKeys, type BackupKeys } from "./keys.ts";
import { openRepositories, type Repository } from "./repositories.ts";

/** What our own files of backups are made with. */
export interface SetContext {
  readonly config: RuntimeConfig<"backup">;
  readonly keys: BackupKeys;
  /** The local one first. */
  readonly repositories: readonly Repository[];
  /** Where artifacts live. */
  readonly artifacts: ObjectStore;
  /** Fires when the work has to end. */
  readonly signal: AbortSignal;
}

/** Nothing has to answer yet. */
export function openSetContext(config: RuntimeConfig<"backup">, signal: AbortSignal): SetContext {
  return {
    config,
    keys: deriveKeys(config.secrets["backup-key"]),
    repositories: openRepositories(config),
    artifacts: openObjects(config.OBJECTS_URL),
    signal,
  };
}

/** The repository beside the database: everything is made there first. */
export function localStore({ repositories }: SetContext): ObjectStore {
  const local = repositories.find(({ name }) => name === "local");
  if (!local) throw new Error("a context without a local repository");
  return local.store;
}
