import type { RuntimeConfig } from "../configs/runtime.ts";
import { takeLock } from "./lock.ts";
import type { SetContext } from "./set-context.ts";
import { mirrorNow } from "./write-set.ts";

/** File whose lock the mirror between backups holds, and whoever removes contents. */
export function mirrorLock({ BACKUP_REPOSITORY_DIR }: Pick<RuntimeConfig<"backup">, "BACKUP_REPOSITORY_DIR">): string {
  return `${BACKUP_REPOSITORY_DIR}/mirror.lock`;
}

/**
 * Brings artifacts that are new into the repositories.
 *
 * @throws Busy while contents are being removed
 */
export async function mirrorAlone(context: SetContext): Promise<void> {
  const lock = await takeLock(mirrorLock(context.config), "mirror");
  try {
    await mirrorNow(context);
  } finally {
    await lock.release();
  }
}
