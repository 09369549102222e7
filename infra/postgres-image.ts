import { FIRST_GENERATION, type DataSettings } from "../configs/stack-backup.ts";

/** User of the image of Postgres, as its Dockerfile makes it: its files are his, and its superuser is he. */
export const POSTGRES_UID = 10_003;

/** Folder that the disk of its data stands at. */
export const POSTGRES_FOLDER = "/var/lib/postgresql";

/** A generation beside the first one is filled by a restore: where its disk is empty, Postgres must not begin a cluster there. */
export function generationEnvironment({ generation }: DataSettings): Readonly<Record<string, string>> {
  return generation === FIRST_GENERATION ? {} : { POSTGRES_GENERATION: generation };
}
