import { open, rename } from "node:fs/promises";

/** Writes a file that only this user can read, whole or not at all, whatever kills this process or the machine. */
export async function writeDurably(path: string, content: string | Iterable<string>): Promise<void> {
  const file = await open(`${path}.new`, "w", 0o600);
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
