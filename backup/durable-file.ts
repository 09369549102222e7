import { open, rename } from "node:fs/promises";

/**
 * Writes a file whole or not at all, whatever kills this process or the machine.
 *
 * @param mode @default this user alone can read it
 */
export async function writeDurably(path: string, content: string | Iterable<string>, mode = 0o600): Promise<void> {
  const file = await open(`${path}.new`, "w", mode);
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(`${path}.new`, path);
}

/** A rename is durable once its folder is. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
